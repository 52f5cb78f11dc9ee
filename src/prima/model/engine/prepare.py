"""From the series of a study to what is encoded: the input gate, patches, names, the completeness statement.

A series is prepared by itself, so that encoding can begin with the first while others are still read. Voxels are not
kept: a prepared series holds its patches alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from prima.model.gate.admit import Gate
from prima.study import Excluded, Reason, Series, SeriesEntry, Study
from prima.tokens.contract import Contract
from prima.tokens.patches import Patches
from prima.tokens.text import name_of, order_text
from prima.tokens.tokenizer import patches_of

WORKERS = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedSeries:
    """A series that the gate has let in, cut into patches.

    Args:
        series_uid: SeriesInstanceUID.
        number: SeriesNumber.
        description: SeriesDescription, else ProtocolName.
        part: which part of a split series.
        name: the series' name as a model reads it.
        num_slices: of the volume.
        notes: short lines about what reading did.
        patches: what is encoded.
    """

    series_uid: str
    number: int | None
    description: str | None
    part: str | None
    name: str
    num_slices: int
    notes: tuple[str, ...]
    patches: Patches

    @property
    def entry(self) -> SeriesEntry:
        """The line of a series that is used."""
        return SeriesEntry(
            series_uid=self.series_uid,
            number=self.number,
            description=self.description,
            part=self.part,
            status="used",
            reason=None,
            detail="; ".join(self.notes) or None,
            num_slices=self.num_slices,
            num_tokens=self.patches.num_patches,
            num_foreground=self.patches.num_kept,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedStudy:
    """A study ready to be encoded; its voxels are gone.

    Args:
        study_uid: StudyInstanceUID.
        description: StudyDescription.
        indication: what the order says: age, sex and what the study is for (`tokens.text.order_text`).
        notes: short lines about what reading did.
        series: those that are used, in the order of the study.
        excluded: every other one, with its reason.
    """

    study_uid: str
    description: str | None
    indication: str
    notes: tuple[str, ...]
    series: tuple[PreparedSeries, ...]
    excluded: tuple[Excluded, ...]

    @property
    def entries(self) -> tuple[SeriesEntry, ...]:
        """The completeness statement: every series of the study once, in the order of their numbers."""
        return self.entries_with([None] * len(self.series))

    def entries_with(self, distances: Sequence[float | None]) -> tuple[SeriesEntry, ...]:
        """The same, with the distance of each series that is used, in the order of `series`."""
        used = [
            replace(series.entry, distance=distance) for series, distance in zip(self.series, distances, strict=True)
        ]
        entries = [*used, *map(_entry_of_excluded, self.excluded)]
        return tuple(sorted(entries, key=lambda entry: (entry.number is None, entry.number or 0)))

    @property
    def why_nothing(self) -> str:
        """Why no series is used: how many have which reason, and what was found where that is short to say."""
        counts = Counter(Reason(entry.reason) for entry in self.entries if entry.reason)
        if not counts:
            return "the study holds no series"
        listed = ", ".join(
            f"{count} {reason.words[0].lower()}{reason.words[1:]}" for reason, count in counts.most_common()
        )
        details = {series.detail for series in self.excluded if series.detail}
        found = f": {details.pop()}" if len(details) == 1 and len(counts) == 1 else ""
        return f"no series can be used ({listed}{found})"


def prepare_series(series: Series, contract: Contract, gate: Gate | None) -> PreparedSeries | Excluded:
    """Ask the gate, then cut into patches.

    Args:
        series: with its voxels.
        contract: how they become patches.
        gate: the input gate; None lets everything in.

    Returns:
        The patches with the facts that are kept of the series, or why the gate refuses it.
    """
    refused = gate.refusal(series) if gate is not None else None
    if refused is not None:
        return refused
    return PreparedSeries(
        series_uid=series.series_uid,
        number=series.number,
        description=series.description or series.protocol,
        part=series.part,
        name=name_of(series),
        num_slices=series.num_slices,
        notes=series.notes,
        patches=patches_of(series, contract),
    )


def prepare(study: Study, contract: Contract, gate: Gate | None, *, workers: int = WORKERS) -> PreparedStudy:
    """Prepare every series of a study that is in memory.

    Args:
        study: as reading gave it.
        contract: how voxels become patches.
        gate: the input gate; None lets everything in.
        workers: threads.
    """
    with ThreadPoolExecutor(max(workers, 1), "prima-prepare") as pool:
        prepared = list(pool.map(lambda series: prepare_series(series, contract, gate), study.series))
    return gather_study(study, prepared)


def gather_study(study: Study, prepared: Iterable[PreparedSeries | Excluded]) -> PreparedStudy:
    """A study whose series were prepared one by one, in its order; what the gate refused joins the excluded."""
    results: Sequence[PreparedSeries | Excluded] = list(prepared)
    refused = tuple(result for result in results if isinstance(result, Excluded))
    return PreparedStudy(
        study_uid=study.study_uid,
        description=study.description,
        indication=order_text(study.indication or "", study.patient.age_years, study.patient.sex),
        notes=study.notes,
        series=tuple(result for result in results if isinstance(result, PreparedSeries)),
        excluded=(*study.excluded, *refused),
    )


def _entry_of_excluded(series: Excluded) -> SeriesEntry:
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
