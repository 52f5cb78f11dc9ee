"""Which studies take part, which side of the split they lie on, and why the others do not."""
