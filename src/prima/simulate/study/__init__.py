"""One simulated study: from a planned case to series and truth."""
