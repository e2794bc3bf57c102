"""Replay: the production pipeline over recorded events, as fast as they can be read, and what it would have said at each budget."""
