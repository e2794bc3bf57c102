"""Requests in; gated model versions and rollouts out."""
