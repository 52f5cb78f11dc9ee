"""Training of the VQ-VAE tokenizer."""
