"""Predictions in, evidence out: metrics, intervals, calibration. No torch."""

from prima.evaluate.assess import evaluate
from prima.evaluate.bootstrap import Resampling
from prima.evaluate.evaluation import Evaluation
from prima.evaluate.inputs import Predictions, Truth
from prima.evaluate.predictions import evaluate_predictions

__all__ = ["Evaluation", "Predictions", "Resampling", "Truth", "evaluate", "evaluate_predictions"]
