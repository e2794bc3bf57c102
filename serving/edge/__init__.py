"""The routes: what they take, what they refuse and how they say it."""
