"""The stages of `prima train` over an archive or a folder of tokens, from patches to calibrated heads."""
