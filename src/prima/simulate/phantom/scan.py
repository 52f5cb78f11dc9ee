"""The phantom's protocol: which series are acquired, how they lie, and what each tissue looks like in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prima.simulate.geometry.stack_geometry import stack_affine
from prima.simulate.phantom.head import HeadGrid, Tissue, render_head
from prima.study import Plane
from prima.study.affine import Affine


@dataclass(frozen=True, kw_only=True)
class PhantomScan:
    """One acquisition. Spacing is (slice, row, column) in mm; `tilt_deg` turns the stack about the patient's x."""

    plane: Plane
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    centre_mm: tuple[float, float, float] = (0.0, 0.0, 5.0)
    tilt_deg: float = 0.0
    contrast: str
    b_value: float | None = None

    @property
    def affine(self) -> Affine:
        """From (d, h, w) to LPS mm."""
        return stack_affine(self.plane, self.shape, self.spacing_mm, self.centre_mm, self.tilt_deg)


def _tissues(*values: float) -> dict[Tissue, float]:
    names: tuple[Tissue, ...] = (
        "muscle", "fat", "bone", "csf", "grey", "white", "nuclei", "eye", "edema", "lesion",
    )  # fmt: skip
    return dict(zip(names, values, strict=True))


CONTRASTS: dict[str, dict[Tissue, float]] = {
    #                muscle  fat bone   csf grey white nuclei  eye edema lesion
    "T1": _tissues(310, 880, 70, 120, 430, 620, 480, 150, 380, 330),
    "T2": _tissues(180, 560, 50, 980, 470, 330, 400, 900, 700, 800),
    "FLAIR": _tissues(200, 480, 50, 70, 470, 370, 430, 120, 740, 860),
    "b0": _tissues(150, 40, 20, 950, 470, 360, 400, 700, 640, 700),
    # in 1e-6 mm²/s; what diffusion shows of scalp and bone is near nothing
    "ADC": _tissues(900, 100, 50, 3000, 830, 720, 760, 2600, 1350, 560),
}


def acquire(scan: PhantomScan, *, lesion: bool, seed: int, noise_seed: int) -> NDArray[np.uint16]:
    """The voxels [D, H, W] that the scanner gives: anatomy, coil shading, noise; 0 to 4095."""
    affine = scan.affine
    index = [np.arange(size, dtype=np.float64) for size in scan.shape]
    x_axis = int(np.argmax(np.abs(affine[0, :3])))
    other_axes = [axis for axis in range(3) if axis != x_axis]
    first, second = (affine[:, axis, None] * index[axis] for axis in other_axes)
    grid = HeadGrid(
        y_mm=(first[1][:, None] + second[1] + affine[1, 3]).astype(np.float32),
        z_mm=(first[2][:, None] + second[2] + affine[2, 3]).astype(np.float32),
        x_mm=(affine[0, x_axis] * index[x_axis] + affine[0, 3]).astype(np.float32),
        edge_mm=max(scan.spacing_mm[1:]),
    )
    random = np.random.default_rng([seed, noise_seed])
    if scan.contrast in ("b1000", "ADC"):
        b0, adc = render_head(grid, (CONTRASTS["b0"], CONTRASTS["ADC"]), lesion=lesion, seed=seed)
        image = adc if scan.contrast == "ADC" else b0 * np.exp(adc * np.float32(-1e-3)) * np.float32(2.0)
        if scan.contrast == "ADC":
            image[b0 < 200] = 0  # scanners blank the map where there is no signal
    else:
        (image,) = render_head(grid, (CONTRASTS[scan.contrast],), lesion=lesion, seed=seed)
    noise = random.standard_normal(image.shape, dtype=np.float32) * np.float32(11)
    if scan.contrast == "ADC":
        noise[image == 0] = 0
    else:
        image *= (np.float32(1.06) - np.float32(8e-6) * (grid.y_mm**2 + grid.z_mm**2))[..., None]
    image += noise
    stored = np.clip(np.abs(image), 0, 4095).astype(np.uint16)
    return np.ascontiguousarray(np.moveaxis(stored, 2, x_axis))


@dataclass(frozen=True, kw_only=True)
class PhantomSeries:
    """One series as it is filed: its scans (more than one for a localizer or b-values) and header facts.

    `facts` are DICOM keywords with their values.
    """

    number: int
    description: str
    image_type: tuple[str, ...]
    scans: tuple[PhantomScan, ...]
    facts: dict[str, Any]


_SPIN_ECHO: dict[str, Any] = {
    "ScanningSequence": "SE",
    "SequenceVariant": "SK",
    "ScanOptions": "",
    "MRAcquisitionType": "2D",
}
_DIFFUSION: dict[str, Any] = {
    "ScanningSequence": "EP",
    "SequenceVariant": ["SK", "SP"],
    "ScanOptions": ["PFP", "FS"],
    "MRAcquisitionType": "2D",
    "FlipAngle": 90.0,
    "EchoTrainLength": 49,
}
_TILT = -9.0


def phantom_protocols() -> tuple[PhantomSeries, ...]:
    """Localizer, axial T1, T2, FLAIR, diffusion (b0 and b1000 in one series), ADC, sagittal 3-D T1, coronal T2."""

    def axial(contrast: str, b_value: float | None = None) -> PhantomScan:
        matrix, pixel = (256, 0.9) if b_value is None and contrast != "ADC" else (128, 1.8)
        return PhantomScan(
            plane="axial",
            shape=(22, matrix, matrix),
            spacing_mm=(6.0, pixel, pixel),
            centre_mm=(0.0, 4.0, 8.0),
            tilt_deg=_TILT,
            contrast=contrast,
            b_value=b_value,
        )

    planes: tuple[Plane, ...] = ("axial", "coronal", "sagittal")
    localizer = tuple(
        PhantomScan(plane=plane, shape=(1, 256, 256), spacing_mm=(8.0, 1.1, 1.1), contrast="T1") for plane in planes
    )
    coronal = PhantomScan(plane="coronal", shape=(24, 256, 256), spacing_mm=(6.5, 0.9, 0.9), contrast="T2")
    sagittal = PhantomScan(plane="sagittal", shape=(112, 176, 176), spacing_mm=(1.5, 1.35, 1.35), contrast="T1")

    def protocol(
        series_number: int,
        description: str,
        scans: tuple[PhantomScan, ...],
        times_ms: tuple[float, float],
        image_type: tuple[str, ...] = ("ORIGINAL", "PRIMARY", "M", "ND"),
        **facts: Any,
    ) -> PhantomSeries:
        times = {"RepetitionTime": times_ms[0], "EchoTime": times_ms[1]}
        facts = {**_SPIN_ECHO, **times, **facts}
        return PhantomSeries(
            number=series_number, description=description, image_type=image_type, scans=scans, facts=facts
        )

    gradient: dict[str, Any] = {"ScanningSequence": "GR", "FlipAngle": 20.0, "EchoTrainLength": 1}
    turbo: dict[str, Any] = {"SequenceName": "*tse2d1_15", "FlipAngle": 150.0, "EchoTrainLength": 15}
    inversion: dict[str, Any] = {
        "SequenceName": "*tir2d1_15",
        "ScanningSequence": ["SE", "IR"],
        "InversionTime": 2500.0,
    }
    mprage: dict[str, Any] = {
        "SequenceName": "*tfl3d1",
        "ScanningSequence": ["GR", "IR"],
        "SequenceVariant": ["SK", "SP", "MP"],
        "MRAcquisitionType": "3D",
        "InversionTime": 900.0,
        "FlipAngle": 8.0,
        "EchoTrainLength": 1,
    }
    spin_echo: dict[str, Any] = {"SequenceName": "*se2d1", "FlipAngle": 90.0, "EchoTrainLength": 1}
    trace, adc = (("DERIVED", "PRIMARY", "DIFFUSION", kind) for kind in ("TRACEW", "ADC"))
    diffusion = (axial("b0", 0.0), axial("b1000", 1000.0))
    return (
        protocol(1, "localizer", localizer, (8.6, 4.0), SequenceName="*fl2d1", **gradient),
        protocol(2, "AX T1 SE", (axial("T1"),), (520.0, 9.0), **spin_echo),
        protocol(3, "AX T2 TSE", (axial("T2"),), (4800.0, 98.0), **turbo),
        protocol(4, "AX T2 FLAIR", (axial("FLAIR"),), (9000.0, 94.0), **{**turbo, **inversion}),
        protocol(5, "AX DWI TRACE", diffusion, (5200.0, 84.0), trace, **_DIFFUSION),
        protocol(6, "AX ADC", (axial("ADC"),), (5200.0, 84.0), adc, **_DIFFUSION, SequenceName="*ep_b0_1000"),
        protocol(7, "SAG T1 3D MPRAGE", (sagittal,), (2300.0, 3.0), **mprage),
        protocol(8, "COR T2 TSE", (coronal,), (4600.0, 92.0), **turbo),
    )
