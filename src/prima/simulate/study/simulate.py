"""A simulated study straight into memory: the same voxels as through DICOM, without files in between."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from prima.simulate.anatomy.anatomies import Anatomies
from prima.simulate.anatomy.build_head import build_head
from prima.simulate.pathology import LesionTruth, paint_lesions, shape_hooks
from prima.simulate.pathology.pattern import MaskKind
from prima.simulate.people.case import Case
from prima.simulate.scanner.acquire import AcquiredScan, HeadScan
from prima.simulate.scanner.appearance import AppearancePlan, draw_appearance, kept_series, on_one_grid
from prima.simulate.scanner.image_header import SHORT_TEXT, header_affine
from prima.simulate.scanner.planned import PlannedScan, PlannedSeries, PlannedStudy, plan_study
from prima.simulate.study.visibility import Visibility, visibility
from prima.study.affine import Affine
from prima.study.exclusion import Excluded
from prima.study.study import Acquisition, Patient, Series, Study
from prima.study.volume import Volume


@dataclass(frozen=True, kw_only=True)
class Variety:
    """What makes studies unlike each other beyond person, scanner and protocol.

    Args:
        anatomies: real heads of which most people are made; None makes everyone of the packaged template.
        appearance: shares of studies that look otherwise than physics says; None leaves all as planned.
    """

    anatomies: Anatomies | None = None
    appearance: AppearancePlan | None = None

    @property
    def version(self) -> int:
        """Of the simulator: 1 has neither."""
        return 1 if self == AS_ONE else 2


AS_ONE = Variety()


class Mask(NamedTuple):
    """Where a finding is: [z, y, x] uint8 with its affine to patient LPS mm; "region" of diffuse findings."""

    voxels: NDArray[np.uint8]
    affine: Affine
    kind: MaskKind


@dataclass(frozen=True, kw_only=True, eq=False)
class AcquiredSeries:
    """A series as planned with its stored stacks; none when a left-out series was not asked for."""

    planned: PlannedSeries
    scans: tuple[AcquiredScan, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class SimulatedStudy:
    """A study with its truth.

    Args:
        case: what is true of it.
        planned: which series it has.
        study: as a reader gives it.
        series: the stored voxels, in order of acquisition.
        masks: where each diagnosis is.
        visibility: for each diagnosis on each series that covers it, how well it can be seen.
    """

    case: Case
    planned: PlannedStudy
    study: Study
    series: tuple[AcquiredSeries, ...]
    masks: dict[str, Mask] = field(default_factory=dict)
    visibility: tuple[Visibility, ...] = ()


def simulate_study(
    case: Case, *, spacing_mm: float = 1.5, device: str = "cpu", with_excluded: bool = False, variety: Variety = AS_ONE
) -> SimulatedStudy:
    """Make the study of a case.

    Args:
        case: what is true of it; the same case gives the same voxels.
        spacing_mm: of the grid that the head is built on: 1, 1.5 or 2.
        device: where the voxels are computed.
        with_excluded: also make the series that a reader leaves out (localizers, projections), as files need them.
        variety: heads and appearances beside the packaged ones.
    """
    planned = plan_study(case)
    appearance = None
    if variety.appearance is not None:
        appearance = draw_appearance(variety.appearance, case)
        planned = replace(planned, series=kept_series(variety.appearance, planned))
        planned = planned if appearance is None else on_one_grid(planned, appearance)
    head = build_head(
        case, spacing_mm=spacing_mm, device=device, shape_hooks=shape_hooks(case), anatomies=variety.anatomies
    )
    truths = paint_lesions(head, case)
    acquisition = HeadScan(head, planned, appearance)
    scanned = [series for series in planned.series if with_excluded or series.role.reason is None]
    # all at once, wanted or not: rounding of the product depends on how many there are
    acquisition.prepare(scan.sequence for series in planned.series for scan in series.scans)
    acquired = tuple(
        AcquiredSeries(planned=series, scans=acquisition.acquire(series) if series in scanned else ())
        for series in planned.series
    )
    affine = patient_affine(planned, head.grid.affine)
    return SimulatedStudy(
        case=case,
        planned=planned,
        study=_study(planned, acquired),
        series=acquired,
        masks={truth.diagnosis: Mask(_voxels(truth), affine, truth.mask_kind) for truth in truths},
        visibility=visibility(acquisition, [series for series in scanned if series.role.reason is None], truths),
    )


def _voxels(truth: LesionTruth) -> NDArray[np.uint8]:
    return np.asarray(truth.mask.to(torch.uint8).cpu().numpy())


def _study(planned: PlannedStudy, acquired: tuple[AcquiredSeries, ...]) -> Study:
    case = planned.case
    used_series = [
        _series(planned, series.planned, scan)
        for series in acquired
        if series.planned.role.reason is None
        for scan in series.scans
    ]
    return Study(
        study_uid=case.study_uid,
        description=planned.protocol.study_description,
        indication=case.visit.indication[:SHORT_TEXT],
        date=case.visit.scanned.strftime("%Y-%m-%d"),
        patient=Patient(age_years=_age_in_header(case.age_years), sex=case.person.sex),
        series=tuple(used_series),
        excluded=tuple(
            Excluded(
                series_uid=series.planned.uid,
                number=series.planned.number,
                description=series.planned.description,
                reason=series.planned.role.reason,
            )
            for series in acquired
            if series.planned.role.reason is not None
        ),
    )


def _age_in_header(years: float) -> float:
    """What PatientAge tells: months of infants, whole years of others.

    Example:
        >>> _age_in_header(0.55), _age_in_header(45.9)
        (0.5, 45.0)
    """
    return round(int(years * 12) / 12, 2) if years < 2 else float(int(years))


def patient_affine(planned: PlannedStudy, affine: Affine) -> Affine:
    """From head space to the patient's: the head leans and turns aside in the scanner."""
    return Affine(planned.pose).compose(affine)


def first_instance(series: PlannedSeries, scan: PlannedScan) -> int:
    """InstanceNumber of the first image of a stack."""
    return 1 + sum(earlier.shape[0] for earlier in series.scans[: series.scans.index(scan)])


def _series(planned: PlannedStudy, series: PlannedSeries, acquired: AcquiredScan) -> Series:
    scan, scanner = acquired.planned, planned.scanner
    first = first_instance(series, scan)
    sequence = scan.sequence
    return Series(
        series_uid=series.uid,
        number=series.number,
        description=series.description,
        protocol=series.protocol_name,
        part=scan.part,
        volume=Volume(
            voxels=acquired.voxels,
            affine=header_affine(patient_affine(planned, scan.affine), scan.shape, scan.spacing_mm),
        ),
        acquisition=Acquisition(
            manufacturer=scanner.manufacturer,
            model=scanner.model,
            station=scanner.station,
            field_strength_t=scanner.field_t,
            repetition_time_ms=sequence.tr_ms,
            echo_time_ms=sequence.te_ms,
            inversion_time_ms=sequence.ti_ms or None,
            flip_angle_deg=sequence.flip_deg,
            b_value=sequence.b_value if scan.part is not None else None,
            contrast_agent="Gadolinium" if sequence.contrast_agent else None,
        ),
        instance_uids=tuple(series.instance_uid(first + index) for index in range(scan.shape[0])),
    )
