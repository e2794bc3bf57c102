"""Where a training process runs."""
