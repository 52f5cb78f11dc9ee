"""Studies and reports into an archive, from folders and servers."""
