"""The study that the speed claims are measured on: six series, 5,248 patches, 2,280 of them foreground.

A 512² axial T1 and T2, a 256² FLAIR, a 128² diffusion trace, a 176-slice sagittal 3D T1, a coronal T2; the head is the
phantom's.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from prima.simulate.phantom.scan import PhantomScan, PhantomSeries, phantom_protocols
from prima.simulate.phantom.write import write_phantom_study

# A field of view this many times the phantom's leaves 2,280 patches of head, as in the study that the reference was
# timed on.
FIELD_OF_VIEW = 1.05
# (number of the phantom's series, slices, matrix)
SERIES = ((2, 28, 512), (3, 28, 512), (4, 28, 256), (5, 36, 128), (7, 176, 256), (8, 32, 256))


def clinical_protocols() -> tuple[PhantomSeries, ...]:
    """The phantom's protocols at clinical sizes; of the diffusion series the trace alone."""
    by_number = {protocol.number: protocol for protocol in phantom_protocols()}
    return tuple(_sized(by_number[number], slices, matrix) for number, slices, matrix in SERIES)


def _sized(protocol: PhantomSeries, slices: int, matrix: int) -> PhantomSeries:
    scan = protocol.scans[-1]
    field_mm = FIELD_OF_VIEW * scan.shape[1] * scan.spacing_mm[1]
    cover_mm = scan.shape[0] * scan.spacing_mm[0]
    sized: PhantomScan = replace(
        scan,
        shape=(slices, matrix, matrix),
        spacing_mm=(cover_mm / slices, field_mm / matrix, field_mm / matrix),
    )
    return replace(protocol, scans=(sized,))


def write_clinical_studies(folder: Path, count: int) -> list[Path]:
    """Write as many different studies; those already there are kept."""
    studies = [folder / f"study_{seed:02d}" for seed in range(count)]
    for seed, study in enumerate(studies):
        if not study.exists():
            write_phantom_study(study, seed=seed, protocols=clinical_protocols())
    return studies
