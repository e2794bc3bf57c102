"""What two processes must agree on: events, model versions, frames, quality, and the ports to the log and the stores.

A module is admitted only if two processes use it and a disagreement would be a bug. Start with `ports.py`, then `events.py`.
"""
