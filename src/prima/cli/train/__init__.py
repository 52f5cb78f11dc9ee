"""`prima train`: a file for each stage."""
