"""`keepsight-camera`: sends the frames of a folder, a video or a stream to serving, in order, patiently, and says how it went."""
