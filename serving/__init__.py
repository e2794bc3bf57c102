"""Frames in, predictions out, events out.

A frame comes by `transport` to a route (`edge`, `oip`), waits in `queueing`, is scored by a version (`scoring`, `models`), and its event goes out by
`delivery`, on disk before the answer is sent. `telemetry` says how it went; `app` puts the routes together, `__main__` the process.
"""
