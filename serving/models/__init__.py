"""Versions and what runs them: files judged before they are loaded, sessions by provider, acceptance, swaps."""
