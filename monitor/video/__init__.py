"""Streams of a continuous scene: minutes judged against weeks of the camera's own history and against its peers."""
