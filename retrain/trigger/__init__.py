"""Whether a training job may start, and why not: pure policy."""
