"""The peers: each a small server of its framework around the same job, run in an environment of its own."""
