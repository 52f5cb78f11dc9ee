"""Which series the model reads, with the reason for every other."""
