"""The table of the 52 patterns for the documentation, written from the patterns themselves."""

from __future__ import annotations

from prima.simulate.pathology.catalogue import PATTERNS
from prima.study.ontology import display_name


def table() -> str:
    """Markdown: one row per diagnosis with signature, telling contrasts, sizes, kind of mask and source.

    Example:
        >>> table().count("\\n")
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
