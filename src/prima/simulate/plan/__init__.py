"""Which study of which patient is made when, on which scanner, showing what."""
