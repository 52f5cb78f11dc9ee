"""Radiology prose: reports from their carriers, their parts, their findings, and labels with evidence."""
