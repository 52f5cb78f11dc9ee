"""Simulated patients: demographics, conditions, disease courses, operations."""
