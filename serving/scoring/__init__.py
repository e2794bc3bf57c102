"""What workers do with a frame: decode, score, describe, write its event, and keep samples of it."""
