"""Training of the input gate."""
