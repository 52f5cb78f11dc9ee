"""The completeness statement: every series of a study once, used or excluded with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from prima.study import Excluded, Reason, Series, SeriesEntry, Study
from prima.tokens.patches import Patches


def entries_of(study: Study, patches: Sequence[Patches]) -> tuple[SeriesEntry, ...]:
    """The completeness statement: every series of the study once, in the order of their numbers."""
    used = [_used(series, cut) for series, cut in zip(study.series, patches, strict=True)]
    entries = [*used, *map(_excluded, study.excluded)]
    return tuple(sorted(entries, key=lambda entry: (entry.number is None, entry.number or 0)))


def _used(series: Series, patches: Patches) -> SeriesEntry:
    return SeriesEntry(
        series_uid=series.series_uid,
        number=series.number,
        description=series.description or series.protocol,
        part=series.part,
        status="used",
        reason=None,
        detail="; ".join(series.notes) or None,
        num_slices=series.num_slices,
        num_tokens=patches.num_patches,
        num_foreground=patches.num_kept,
    )


def _excluded(series: Excluded) -> SeriesEntry:
    return SeriesEntry(
        series_uid=series.series_uid,
        number=series.number,
        description=series.description,
        part=series.part,
        status="excluded",
        reason=series.reason.value,
        detail=series.detail,
        num_slices=series.num_slices,
        num_tokens=0,
        num_foreground=0,
    )


def why_nothing(entries: Sequence[SeriesEntry]) -> str:
    """Why a study is refused: how many series have which reason, and what was found where that is short to say."""
    counts = Counter(Reason(entry.reason) for entry in entries if entry.reason)
    if not counts:
        return "the study holds no series"
    listed = ", ".join(
        f"{number} {reason.words[0].lower()}{reason.words[1:]}" for reason, number in counts.most_common()
    )
    details = {entry.detail for entry in entries if entry.detail}
    found = f": {details.pop()}" if len(details) == 1 and len(counts) == 1 else ""
    return f"no series can be used ({listed}{found})"
