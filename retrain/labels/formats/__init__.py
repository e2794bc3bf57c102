"""Label files of other tools, parsed and written: bytes in, truths out, and back."""
