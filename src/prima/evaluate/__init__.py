"""Predictions in, evidence out: metrics, intervals, calibration. No torch."""
