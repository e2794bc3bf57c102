"""The console: pages on the monitor's port where a person sees jobs, verdicts and versions, labels frames, and decides. Decisions are events on the log."""
