"""Realised quality: labels counted, and what they guarantee."""
