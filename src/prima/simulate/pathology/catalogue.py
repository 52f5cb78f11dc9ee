"""All 52 patterns, in the order of the ontology."""

from __future__ import annotations

from prima.simulate.pathology import (
    catalogue_extra_axial,
    catalogue_geometric,
    catalogue_hemorrhagic,
    catalogue_inflammatory,
    catalogue_ischemic,
    catalogue_pediatric,
    catalogue_trauma,
    catalogue_tumors,
)
from prima.simulate.pathology.pattern import MaskKind, Pattern
from prima.study.ontology import DIAGNOSIS_NAMES, display_name

_BY_NAME = {
    pattern.diagnosis: pattern
    for module in (
        catalogue_extra_axial,
        catalogue_geometric,
        catalogue_hemorrhagic,
        catalogue_inflammatory,
        catalogue_ischemic,
        catalogue_pediatric,
        catalogue_trauma,
        catalogue_tumors,
    )
    for pattern in module.PATTERNS
}

PATTERNS: dict[str, Pattern] = {name: _BY_NAME[name] for name in DIAGNOSIS_NAMES}
"""Released name → pattern."""

MASK_KINDS: dict[str, MaskKind] = {name: pattern.mask_kind for name, pattern in PATTERNS.items()}
"""Whether a diagnosis has a mask of the lesion itself or of what is affected."""


def markdown_table() -> str:
    """The patterns as Markdown for the documentation: one row per diagnosis.

    Example:
        >>> markdown_table().count("\\n")
        54
    """
    rows = [
        "| diagnosis | signature | must show on | size in mm: plain, moderate, subtle | mask | source |",
        "|---|---|---|---|---|---|",
    ]
    for name, pattern in PATTERNS.items():
        sizes = ", ".join(f"{low:g}–{high:g}" for low, high in pattern.sizes_mm) if pattern.sizes_mm[0][1] else "–"
        cells = (
            f"{display_name(name)} `{name}`",
            pattern.signature,
            ", ".join(pattern.contrasts),
            sizes,
            pattern.mask_kind,
            pattern.source,
        )
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"
