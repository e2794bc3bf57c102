"""Augmentation: what is declared, drawn for each frame, and done to its pixels and boxes on the CPU or on a GPU."""
