"""How a network or a head learns."""
