"""What an archive holds, as text and as a page."""
