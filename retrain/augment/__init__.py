"""Training frames varied on purpose."""
