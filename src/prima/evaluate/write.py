"""The files of an evaluation, each whole or absent."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

from prima.evaluate.evaluation import Evaluation, LabelResult
from prima.evaluate.figure import figure_svg
from prima.evaluate.markdown import evaluation_markdown
from prima.files.durable import write_text

FILES = {
    "evaluation.json": "everything that was measured",
    "evaluation.md": "tables to read",
    "evaluation.csv": "a row for each diagnosis and referral",
    "evaluation.svg": "the figure",
}


COLUMNS: dict[str, str] = {
    "kind": "diagnosis or referral",
    "name": "released name",
    "positives": "studies with a score in which it is present",
    "negatives": "studies with a score in which it is absent",
    "unknown": "studies whose truth is not known",
    "no_score": "studies with a truth and no score",
    "reason": "why it is not evaluable; empty when it is",
    "ranked_by": "probability, logit or score",
    "auroc": "area under the ROC curve",
    "auroc_low": "lower end of its interval",
    "auroc_high": "upper end of its interval",
    "auroc_with_refusals": "a pair with a study that has no score counts half",
    "average_precision": "area under the precision-recall curve",
    "average_precision_low": "lower end of its interval",
    "average_precision_high": "upper end of its interval",
    "brier": "mean squared error of the probability",
    "ece": "expected calibration error",
    "ece_floor": "what exact probabilities would show by chance",
    "sensitivity": "at the model's threshold, of positives that were decided",
    "sensitivity_low": "lower end of its interval",
    "sensitivity_high": "upper end of its interval",
    "specificity": "at the model's threshold, of negatives that were decided",
    "specificity_low": "lower end of its interval",
    "specificity_high": "upper end of its interval",
    "ppv": "positive predictive value at the prevalence of these studies",
    "npv": "negative predictive value at the prevalence of these studies",
    "sensitivity_all": "of all positives; what was not decided was not found",
    "specificity_all": "of all negatives; what was not decided was not cleared",
    "not_decided": "studies with a truth and no decision: abstained, without a threshold, or not done",
}
"""Columns of `evaluation.csv`."""


def write_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Write `FILES` into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "evaluation.json": json.dumps(evaluation.to_dict(), indent=1, allow_nan=False) + "\n",
        "evaluation.md": evaluation_markdown(evaluation),
        "evaluation.csv": results_csv(evaluation),
        "evaluation.svg": figure_svg(evaluation),
    }
    for name, text in contents.items():
        write_text(folder / name, text)


def results_csv(evaluation: Evaluation) -> str:
    """A row for each diagnosis and each referral; numbers in full, empty where there is none."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(COLUMNS), lineterminator="\n")
    writer.writeheader()
    for kind, results in (("diagnosis", evaluation.diagnoses), ("referral", evaluation.referrals)):
        for row in results:
            writer.writerow({"kind": kind, **_values(row)})
    return out.getvalue()


def _values(row: LabelResult) -> dict[str, object]:
    decisions = row.decisions
    values: dict[str, object] = {
        **{name: getattr(row, name) for name in ("name", "positives", "negatives", "unknown", "no_score", "ranked_by")},
        "reason": row.reason or "",
        "auroc_with_refusals": row.auroc_with_refusals,
        "brier": row.brier,
        "ece": row.ece,
        "ece_floor": row.calibration.floor if row.calibration else math.nan,
        "not_decided": decisions.not_decided_positive + decisions.not_decided_negative if decisions else math.nan,
    }
    for name in ("auroc", "average_precision", "sensitivity", "specificity"):
        estimate = getattr(row, name)
        values |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    for name in ("ppv", "npv", "sensitivity_all", "specificity_all"):
        values[name] = getattr(decisions, name) if decisions else math.nan
    return {name: "" if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()}
