"""One training job through its steps, from a request to an outcome."""
