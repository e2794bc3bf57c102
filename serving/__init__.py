"""Frames in, predictions out, events out."""
