"""What a finished package becomes: a version in the repository."""
