"""Logits of validation studies into probabilities, thresholds and abstention."""
