"""Training of the hierarchical model: contrast with reports, labels, second phase."""
