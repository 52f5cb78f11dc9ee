"""An evaluation as a page of Markdown, and its diagnoses as a table that a spreadsheet opens."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence

from prima.evaluate.evaluation import FEW, STATEMENT, Evaluation, LabelResult
from prima.evaluate.priority import LEVELS
from prima.evaluate.summary import account_lines, summary_lines
from prima.evaluate.wording import number, printable, signed, span

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


def results_csv(found: Evaluation) -> str:
    """A row for each diagnosis and each referral; numbers in full, empty where there is none."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(COLUMNS), lineterminator="\n")
    writer.writeheader()
    for kind, results in (("diagnosis", found.diagnoses), ("referral", found.referrals)):
        for row in results:
            writer.writerow({"kind": kind, **_values(row)})
    return out.getvalue()


def _values(row: LabelResult) -> dict[str, object]:
    at = row.decisions
    values: dict[str, object] = {
        **{name: getattr(row, name) for name in ("name", "positives", "negatives", "unknown", "no_score", "ranked_by")},
        "reason": row.reason or "",
        "auroc_with_refusals": row.auroc_with_refusals,
        "brier": row.brier,
        "ece": row.ece,
        "ece_floor": row.calibration.floor if row.calibration else math.nan,
        "not_decided": at.not_decided_positive + at.not_decided_negative if at else math.nan,
    }
    for name in ("auroc", "average_precision", "sensitivity", "specificity"):
        estimate = getattr(row, name)
        values |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    for name in ("ppv", "npv", "sensitivity_all", "specificity_all"):
        values[name] = getattr(at, name) if at else math.nan
    return {name: "" if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()}


def page_markdown(found: Evaluation) -> str:
    """The whole evaluation as tables."""
    return "\n".join(_page(found)) + "\n"


def _page(found: Evaluation) -> Iterator[str]:
    yield "# Evaluation" + (f" of {_safe(', '.join(found.releases))}" if found.releases else "")
    how = found.resampling
    yield f"\n{STATEMENT} Intervals: {how.level:.0%}, {how.replicates:,} draws of patients, seed {how.seed}.\n"
    yield from _table(("measure", "found"), summary_lines(found))
    yield "\n## Studies\n"
    yield from _table(("", ""), account_lines(found))
    yield f"\n## Diagnoses\n\nFrom the highest AUROC to the lowest; * marks fewer than {FEW} positive studies.\n"
    yield from _results(found.diagnoses)
    if found.referrals:
        yield "\n## Referrals\n"
        yield from _results(found.referrals)
    if found.priority is not None and found.priority.confusion:
        yield "\n## Priority\n\nTrue level down, called level across.\n"
        rows = zip(LEVELS, found.priority.confusion, strict=True)
        yield from _table(("", *LEVELS), ((level, *map(str, counts)) for level, counts in rows))
    yield from _groups(found)
    yield from _comparison(found)


def _results(results: Sequence[LabelResult]) -> Iterator[str]:
    rows = sorted(results, key=lambda row: (row.reason is not None, -row.auroc.value if row.reason is None else 0))
    head = ("", "positives", "AUROC", "average precision", "ECE", "sensitivity", "specificity")
    yield from _table(head, (_cells(row) for row in rows))


def _cells(row: LabelResult) -> tuple[str, ...]:
    mark = "*" if row.positives < FEW and row.reason is None else ""
    if row.reason is not None:
        return (row.display, f"{row.positives:,}", f"not evaluable: {row.reason}", "", "", "", "")
    shares = (number(row.sensitivity.value), number(row.specificity.value))
    return (
        row.display,
        f"{row.positives:,}{mark}",
        span(row.auroc),
        span(row.average_precision),
        number(row.ece),
        *shares,
    )


def _groups(found: Evaluation) -> Iterator[str]:
    for by in dict.fromkeys(group.by for group in found.groups):
        groups = [group for group in found.groups if group.by == by]
        yield f"\n## By {_safe(by)}\n"
        yield f"The shared mean is over the {groups[0].shared} diagnoses that every part can evaluate.\n"
        head = (by, "studies", "positives", "diagnoses", "mean AUROC", "shared mean AUROC", "ECE", "priority high")
        yield from _table(
            head,
            (
                (
                    group.value,
                    f"{group.studies:,}",
                    f"{group.positives:,}",
                    str(group.evaluable),
                    span(group.auroc),
                    span(group.shared_auroc),
                    number(group.ece),
                    span(group.priority_high),
                )
                for group in groups
            ),
        )


def _comparison(found: Evaluation) -> Iterator[str]:
    if found.comparison is None:
        return
    pair = found.comparison
    left = f"; {pair.left_out:,} with one of the two only are left out" if pair.left_out else ""
    yield "\n## Against the other predictions\n"
    yield f"{pair.studies:,} studies with both{left}. Paired; first minus second.\n"
    rows = (*pair.summary, *sorted(pair.diagnoses, key=lambda row: row.difference.value))
    yield from _table(
        ("", "first", "second", "difference"),
        ((row.display, number(row.first), number(row.second), signed(row.difference)) for row in rows),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(map(_safe, head))} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(_safe(cell) for cell in row)} |"


def _safe(words: str) -> str:
    """A cell from a table may hold anything; it stays in its cell and is no mark-up."""
    return printable(words).strip().replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
