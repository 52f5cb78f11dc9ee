"""Predictions in, evidence out: metrics, intervals, calibration. No torch."""

from prima.evaluate.assess import evaluate
from prima.evaluate.bootstrap import Interval, Resampling, auroc_replicates, interval, patient_weights
from prima.evaluate.calibration import Reliability, brier, reliability
from prima.evaluate.evaluation import (
    Account,
    Difference,
    Estimate,
    Evaluation,
    GroupResult,
    LabelResult,
    Means,
    ModelComparison,
    PriorityResult,
)
from prima.evaluate.inputs import Predictions, Truth
from prima.evaluate.join import MatchedTables, match_tables
from prima.evaluate.metrics import Decisions, auroc, average_precision, decisions, mean_auroc
from prima.evaluate.predictions import evaluate_predictions
from prima.evaluate.priority import confusion, quadratic_kappa
from prima.evaluate.write import write_evaluation

__all__ = [
    "Account",
    "Decisions",
    "Difference",
    "Estimate",
    "Evaluation",
    "GroupResult",
    "Interval",
    "LabelResult",
    "MatchedTables",
    "Means",
    "ModelComparison",
    "Predictions",
    "PriorityResult",
    "Reliability",
    "Resampling",
    "Truth",
    "auroc",
    "auroc_replicates",
    "average_precision",
    "brier",
    "confusion",
    "decisions",
    "evaluate",
    "evaluate_predictions",
    "interval",
    "match_tables",
    "mean_auroc",
    "patient_weights",
    "quadratic_kappa",
    "reliability",
    "write_evaluation",
]
