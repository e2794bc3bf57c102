"""A gated version on its way to champion, or back."""
