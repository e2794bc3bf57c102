"""How good retraining is."""
