"""A loaded release: the one way from a study to its findings."""
