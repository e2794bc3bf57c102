"""The training processes: candidate, bootstrap, import-model."""
