"""Examples for training: token folders, patch files."""
