"""How serving stands beside its peers and beside the bare job, and what it keeps of its promises under load."""
