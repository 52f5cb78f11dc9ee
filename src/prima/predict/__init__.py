"""From a study folder to findings, as JSON and as a page."""
