"""How well two labellers agree: Cohen's kappa for each diagnosis and over all, and where they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prima.report.labels import Failure, Labels
from prima.study.ontology import DIAGNOSIS_NAMES

NOTHING = "nothing"
"""What a labeller says of a diagnosis that it finds no word of."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """The agreement on one diagnosis, or on all.

    Args:
        diagnosis: released name; "all" for the sum.
        reports: labelled by both.
        first, second: in how many reports each says present.
        both: in how many both do.
        kappa_present: Cohen's kappa of present against the rest; None when neither ever says present.
        kappa: of the assertion, five ways and nothing.
        same: share of reports in which both say the same.
    """

    diagnosis: str
    reports: int
    first: int
    second: int
    both: int
    kappa_present: float | None
    kappa: float | None
    same: float


def agreement(pairs: Iterable[tuple[Labels | Failure, Labels | Failure]]) -> list[Row]:
    """Rows for the 52 and, last, for all; a report that either failed to label is left out.

    Args:
        pairs: what the first and the second labeller say of each report.
    """
    both = [(left, right) for left, right in pairs if isinstance(left, Labels) and isinstance(right, Labels)]
    stated = {name: [tuple(_says(labels, name) for labels in pair) for pair in both] for name in DIAGNOSIS_NAMES}
    rows = [_row(name, [(left, right) for left, right in values]) for name, values in stated.items()]
    return [*rows, _row("all", [(left, right) for values in stated.values() for left, right in values])]


def cohens_kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Agreement beyond chance (Cohen 1960); None when both always say the same one thing.

    Example:
        >>> cohens_kappa([("a", "a")] * 20 + [("a", "b")] * 5 + [("b", "a")] * 10 + [("b", "b")] * 15)
        0.4
    """
    if not pairs:
        return None
    total = len(pairs)
    observed = sum(left == right for left, right in pairs) / total
    first, second = Counter(left for left, _ in pairs), Counter(right for _, right in pairs)
    expected = sum(first[value] * second[value] for value in first) / total**2
    return None if expected == 1 else round((observed - expected) / (1 - expected), 12)


def as_markdown(rows: Sequence[Row], first: str, second: str) -> str:
    """The rows as a table; diagnoses that neither labeller ever found present are left out."""
    lines = [
        f"| diagnosis | {first}: present | {second}: present | both | kappa, present | kappa, assertion | the same |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row.first or row.second or row.diagnosis == "all":
            kappas = " | ".join("–" if value is None else f"{value:.3f}" for value in (row.kappa_present, row.kappa))
            lines.append(f"| {row.diagnosis} | {row.first} | {row.second} | {row.both} | {kappas} | {row.same:.1%} |")
    return "\n".join(lines) + "\n"


def _says(labels: Labels, name: str) -> str:
    label = labels.labels.get(name)
    return NOTHING if label is None else label.assertion


def _row(name: str, pairs: Sequence[tuple[str, str]]) -> Row:
    present = [("yes" if left == "present" else "no", "yes" if right == "present" else "no") for left, right in pairs]
    return Row(
        diagnosis=name,
        reports=len(pairs),
        first=sum(left == "yes" for left, _ in present),
        second=sum(other == "yes" for _, other in present),
        both=sum(pair == ("yes", "yes") for pair in present),
        kappa_present=cohens_kappa(present),
        kappa=cohens_kappa(pairs),
        same=sum(left == right for left, right in pairs) / len(pairs) if pairs else 1.0,
    )
