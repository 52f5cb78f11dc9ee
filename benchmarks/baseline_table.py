"""The baselines' measures as Markdown."""

from __future__ import annotations

import math
from typing import Any

WORDS = {
    "model": "**hierarchical model**",
    "constant": "constant (training prevalence)",
    "header": "header, order and series names",
    "header_indication": "the same and the indication",
    "cnn": "3D CNN",
}
TOKEN_WORDS = {
    "pooled": "bag of tokens, pooled",
    "codes": "bag of tokens, codes",
    "bag": "bag of tokens, deep sets",
}


def words_of(name: str, facts: dict[str, Any]) -> str:
    """What a row is called."""
    first, _, tokens = name.partition("_")
    if first in TOKEN_WORDS:
        return f"{TOKEN_WORDS[first]} (tokenizer: {tokens})"
    if name == "cnn":
        return f"3D CNN (MONAI {facts['network']}, {facts['grid_mm']:g} mm)"
    return WORDS[name]


def best_of(found: dict[str, Any]) -> str | None:
    """The baseline with the highest mean AUROC on validation: test chooses nothing."""
    rows = {name: row for name, row in found["parts"]["validation"].items() if name != "model"}
    known = {name: row["auroc"]["value"] for name, row in rows.items() if row["auroc"]["value"] is not None}
    return max(known, key=lambda name: known[name]) if known else None


def markdown(found: dict[str, Any]) -> str:
    """A table for each part, and what the model gains over the best baseline."""
    lines: list[str] = []
    for part, rows in found["parts"].items():
        if not rows:
            continue
        some = next(iter(rows.values()))
        head = f"{some['studies']} studies of {some['patients']} patients, {some['evaluable']} diagnoses evaluable"
        lines += [
            f"## {part}: {head}",
            "",
            "| model | trained on | training, min (processor) | mean AUROC | high priority | referrals "
            "| ECE | ECE as trained | model minus this |",
            "|---|---:|---:|---|---|---|---:|---:|---|",
        ]
        for name, row in rows.items():
            facts = found["runs"].get(name, {})
            spent = facts.get("seconds", {}).get("fit")
            minutes = "" if spent is None else f"{spent['wall'] / 60:.1f} ({spent['processor'] / 60:.1f})"
            gap = (row["model_minus_this"] or {}).get("mean_auroc")
            cells = (
                words_of(name, facts),
                str(facts.get("studies", "")),
                minutes,
                _span(row["auroc"]),
                _span(row["priority_high"]),
                _span(row["referrals"]),
                _number(row["ece"]),
                _number(row["ece_as_trained"]),
                "" if gap is None else _span(gap, sign=True),
            )
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    best = best_of(found)
    if best is not None:
        lines += [f"Best baseline on validation: {words_of(best, found['runs'][best])}.", ""]
    lines += [
        "Intervals: 95 %, patients resampled. ECE: mean over the diagnoses, after a line of log-odds fitted on "
        "validation (on validation itself by five-fold cross-fitting over patients); as trained: before it. Networks "
        "stopped by validation, so that their numbers there are a little too good.",
        "",
    ]
    return "\n".join(lines)


def _span(estimate: dict[str, float | None], *, sign: bool = False) -> str:
    value, low, high = (estimate[key] for key in ("value", "low", "high"))
    if value is None:
        return ""
    form = "+.3f" if sign else ".3f"
    if low is None or high is None:
        return f"{value:{form}}"
    return f"{value:{form}} ({low:{form}} to {high:{form}})"


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.3f}"
