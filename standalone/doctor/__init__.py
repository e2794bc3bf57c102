"""`keepsight doctor`: looks at a deployment from its settings and says what is wrong and what to do. It changes nothing."""
