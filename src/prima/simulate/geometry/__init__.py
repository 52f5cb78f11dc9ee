"""Grids, fields, solids and random streams."""
