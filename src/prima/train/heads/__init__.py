"""Heads on frozen study features."""
