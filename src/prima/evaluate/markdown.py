"""An evaluation as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prima.evaluate.evaluation import FEW, STATEMENT, Evaluation, LabelResult
from prima.evaluate.formatting import format_difference, format_estimate, format_number, printable
from prima.evaluate.summary import account_lines, summary_lines
from prima.study.ontology import LEVELS


def evaluation_markdown(evaluation: Evaluation) -> str:
    """The whole evaluation as tables."""
    return "\n".join(_lines(evaluation)) + "\n"


def _lines(evaluation: Evaluation) -> Iterator[str]:
    yield "# Evaluation" + (f" of {_safe(', '.join(evaluation.releases))}" if evaluation.releases else "")
    resampling = evaluation.resampling
    draws = f"{resampling.replicates:,} draws of patients, seed {resampling.seed}"
    yield f"\n{STATEMENT} Intervals: {resampling.level:.0%}, {draws}.\n"
    yield from _table(("measure", "value"), summary_lines(evaluation))
    yield "\n## Studies\n"
    yield from _table(("", ""), account_lines(evaluation))
    yield f"\n## Diagnoses\n\nFrom the highest AUROC to the lowest; * marks fewer than {FEW} positive studies.\n"
    yield from _results(evaluation.diagnoses)
    if evaluation.referrals:
        yield "\n## Referrals\n"
        yield from _results(evaluation.referrals)
    if evaluation.priority is not None and evaluation.priority.confusion:
        yield "\n## Priority\n\nTrue level down, called level across.\n"
        rows = zip(LEVELS, evaluation.priority.confusion, strict=True)
        yield from _table(("", *LEVELS), ((level, *map(str, counts)) for level, counts in rows))
    yield from _groups(evaluation)
    yield from _comparison(evaluation)


def _results(results: Sequence[LabelResult]) -> Iterator[str]:
    rows = sorted(results, key=lambda row: (row.reason is not None, -row.auroc.value if row.reason is None else 0))
    head = ("", "positives", "AUROC", "average precision", "ECE", "sensitivity", "specificity")
    yield from _table(head, (_cells(row) for row in rows))


def _cells(row: LabelResult) -> tuple[str, ...]:
    mark = "*" if row.positives < FEW and row.reason is None else ""
    if row.reason is not None:
        return (row.display, f"{row.positives:,}", f"not evaluable: {row.reason}", "", "", "", "")
    shares = (format_number(row.sensitivity.value), format_number(row.specificity.value))
    return (
        row.display,
        f"{row.positives:,}{mark}",
        format_estimate(row.auroc),
        format_estimate(row.average_precision),
        format_number(row.ece),
        *shares,
    )


def _groups(evaluation: Evaluation) -> Iterator[str]:
    for by in dict.fromkeys(group.by for group in evaluation.groups):
        groups = [group for group in evaluation.groups if group.by == by]
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
                    format_estimate(group.auroc),
                    format_estimate(group.shared_auroc),
                    format_number(group.ece),
                    format_estimate(group.priority_high),
                )
                for group in groups
            ),
        )


def _comparison(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.comparison is None:
        return
    pair = evaluation.comparison
    left = f"; {pair.left_out:,} with one of the two only are left out" if pair.left_out else ""
    yield "\n## Against the other predictions\n"
    yield f"{pair.studies:,} studies with both{left}. Paired; first minus second.\n"
    rows = (*pair.summary, *sorted(pair.diagnoses, key=lambda row: row.difference.value))
    yield from _table(
        ("", "first", "second", "difference"),
        (
            (row.display, format_number(row.first), format_number(row.second), format_difference(row.difference))
            for row in rows
        ),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(map(_safe, head))} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(_safe(cell) for cell in row)} |"


def _safe(words: str) -> str:
    """A cell from a table may hold anything; it stays in its cell and is no mark-up."""
    return printable(words).strip().replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
