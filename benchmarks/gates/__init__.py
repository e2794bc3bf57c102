"""How often the gates of a retraining err."""
