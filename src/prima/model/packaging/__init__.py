"""A release from trained parts: build it, ask it the probe, write its card, check it."""
