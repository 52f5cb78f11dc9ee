"""A release folder: manifest, weights, card, probe; building, loading, checking."""
