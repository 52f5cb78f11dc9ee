"""A study as the rest of the house sees it: its series, what was left out, and the facts that matter later."""

from __future__ import annotations

from dataclasses import dataclass, field

from prima.study.exclusion import Excluded
from prima.study.volume import Plane, Volume


@dataclass(frozen=True, kw_only=True)
class Acquisition:
    """How a series was acquired, as far as its headers say. Units as in DICOM: ms, tesla, degrees, s/mm²."""

    manufacturer: str | None = None
    model: str | None = None
    station: str | None = None
    field_strength_t: float | None = None
    repetition_time_ms: float | None = None
    echo_time_ms: float | None = None
    inversion_time_ms: float | None = None
    flip_angle_deg: float | None = None
    b_value: float | None = None
    contrast_agent: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """One usable series, or one part of a series that held several things.

    Args:
        series_uid: SeriesInstanceUID; for NIfTI 2.25.<number from a hash of the content>.
        number: SeriesNumber.
        description: SeriesDescription, decoded; None when absent.
        protocol: ProtocolName, decoded; None when absent.
        part: which part of a split series this is ("b1000", "echo 2", "sagittal"), None when it was whole.
        volume: the voxels in acquisition axes.
        instance_uids: SOPInstanceUIDs the voxels came from, in slice order.
        notes: short lines about what reading did ("2 duplicate slices left out").
    """

    series_uid: str
    number: int | None = None
    description: str | None = None
    protocol: str | None = None
    part: str | None = None
    volume: Volume
    acquisition: Acquisition = field(default_factory=Acquisition)
    instance_uids: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def plane(self) -> Plane:
        """Acquisition plane, from the volume's geometry."""
        return self.volume.plane

    @property
    def num_slices(self) -> int:
        """Number of slices of the volume."""
        return int(self.volume.voxels.shape[0])


@dataclass(frozen=True, kw_only=True)
class Patient:
    """The patient facts that fairness and later analysis need; no name and no identifier."""

    age_years: float | None = None
    sex: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """One examination: the series that can be used, and every other one with the reason why not."""

    study_uid: str
    description: str | None = None
    indication: str | None = None
    date: str | None = None
    patient: Patient = field(default_factory=Patient)
    series: tuple[Series, ...] = ()
    excluded: tuple[Excluded, ...] = ()
    notes: tuple[str, ...] = ()
