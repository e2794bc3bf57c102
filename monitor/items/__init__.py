"""Streams of separate objects: frames counted into blocks and judged against the version's own reference."""
