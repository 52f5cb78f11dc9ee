"""Instances into series, series into parts, parts into volumes."""
