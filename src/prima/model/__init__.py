"""Networks and releases."""
