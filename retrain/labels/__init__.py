"""Truths in, frames to label out."""
