"""Table-to-table stages over an archive (label, tokenize, embed, deidentify) and how they run."""
