"""The input gate: whether a series is a brain MRI."""
