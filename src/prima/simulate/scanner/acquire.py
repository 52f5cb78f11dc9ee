"""From a head to the stored voxels of each series: contrast, resampling, artefacts, noise, storage."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from prima.simulate.anatomy.head import TISSUE_NAMES, Head
from prima.simulate.anatomy.texture import Texture
from prima.simulate.geometry.streams import stream
from prima.simulate.scanner.appearance import Appearance, seen, uneven, window
from prima.simulate.scanner.artefacts import DropOut, blank, drop_out, ghost, shade, shake, sharpen
from prima.simulate.scanner.coils import END_MM, END_SPREAD_MM, receive
from prima.simulate.scanner.noise import add_rician, normal_like
from prima.simulate.scanner.physics import Sequence, adc_um2_ms, signal, signals
from prima.simulate.scanner.planned import B_VALUE, PlannedScan, PlannedSeries, PlannedStudy
from prima.simulate.scanner.profile import ScanResampling, make_resampling
from prima.simulate.scanner.tissues import TISSUE, Tissue

ADC_CUT = 4.0
"""Below this many standard deviations of noise the b0 image is air, and the ADC map zero."""

SHARPENING = 1.1
T2_SPREAD = 0.035
"""T2 of tissue differs from place to place by this deviation, as a share of itself."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AcquiredScan:
    """One stack as it is stored.

    Args:
        planned: where it lies and how it was made.
        stored: [D, H, W] integers.
        slope: from stored values to output values.
    """

    planned: PlannedScan
    stored: NDArray[Any]
    slope: float = 1.0

    @property
    def voxels(self) -> NDArray[Any]:
        """[D, H, W] after rescale, as a reader gives them."""
        if self.slope == 1.0:
            return self.stored
        return self.stored.astype(np.float64) * self.slope


class HeadScan:
    """The scanning of one head: contrasts and resamplings are made once and kept while a study is scanned."""

    def __init__(self, head: Head, planned: PlannedStudy, appearance: Appearance | None = None) -> None:
        self.head = head
        self.planned = planned
        self.appearance = appearance
        self.field_t = planned.scanner.field_t
        self._contrasts: dict[Sequence, torch.Tensor] = {}
        self._resamplings: dict[tuple[Any, ...], ScanResampling] = {}
        self._diffusion: dict[float, torch.Tensor] = {}
        self._uneven: torch.Tensor | None = None
        case = planned.case
        self._fate = stream(case.seed, case.index, "artefacts")
        self._moving = bool(self._fate.random() < 0.12)
        self._metal = bool(self._fate.random() < 0.05)
        self._seen = None if appearance is None else seen(head, appearance)
        self._bias = None if appearance is None else uneven(head, appearance)

    def prepare(self, sequences: Iterable[Sequence]) -> None:
        """Compute several contrasts on the head's grid in one pass over its fractions."""
        missing = [sequence for sequence in dict.fromkeys(sequences) if sequence not in self._contrasts]
        if not missing:
            return
        normal = [TISSUE[name] for name in TISSUE_NAMES]
        table = torch.stack([signals(sequence, normal, self.field_t) for sequence in missing])
        if self.appearance is not None:
            table *= torch.from_numpy(np.stack([self.appearance.factors(sequence) for sequence in missing]))
        fractions = self.head.fractions
        images = (table.to(fractions) @ fractions.reshape(len(normal), -1)).reshape(-1, *self.head.grid.shape)
        for sequence, image in zip(missing, images, strict=True):
            for painted in self.head.painted:
                if not isinstance(painted.tissue, Tissue):
                    raise TypeError(f"{painted.tissue.name}: a painted tissue needs its relaxation times")
                strength = signal(sequence, painted.tissue, self.field_t)
                if self.appearance is not None:
                    strength *= self.appearance.lesion_factor(sequence, painted.tissue.name)
                image[painted.box].add_(painted.fraction, alpha=strength)
            weight = T2_SPREAD * sequence.te_ms / TISSUE["wm"].t2_at(self.field_t)
            if weight > 0.1 * T2_SPREAD:  # exp(-TE/T2) answers to T2 with TE/T2
                image.addcmul_(image, self._texture(), value=weight)
            if self.appearance is not None:
                image.addcmul_(image, self._texture(), value=self.appearance.texture)
                image.mul_(self._bias)
            self._contrasts[sequence] = image

    def _texture(self) -> torch.Tensor:
        """[z, y, x] unevenness of the person's tissue, the same on every contrast."""
        if self._uneven is None:
            place = stream(self.planned.case.person.seed, "unevenness")
            self._uneven = Texture(self.head.grid, place, self.head.device).whole()
        return self._uneven

    def contrast(self, sequence: Sequence) -> torch.Tensor:
        """[z, y, x] signed signal on the head's grid."""
        self.prepare([sequence])
        return self._contrasts[sequence]

    def resampling(self, scan: PlannedScan) -> ScanResampling:
        """The map from the head's grid to a scan's."""
        key = (scan.affine.matrix.tobytes(), scan.shape, scan.thickness_mm, scan.pixel_mm)
        if key not in self._resamplings:
            self._resamplings[key] = make_resampling(
                self.head.grid.affine,
                self.head.grid.shape,
                scan.affine,
                scan.shape,
                thickness_mm=scan.thickness_mm,
                pixel_mm=scan.pixel_mm,
                wrap_mm=scan.shape[2] * scan.spacing_mm[2] if scan.spacing_mm[2] * scan.shape[2] < 195 else 0.0,
                device=self.head.device,
            )
        return self._resamplings[key]

    def unit(self, sequence: Sequence) -> float:
        """The mean signal of grey and white matter, by which noise and storage are scaled."""
        if sequence.kind == "diffusion":
            sequence = dataclasses.replace(sequence, b_value=0.0)
        sequence = dataclasses.replace(sequence, contrast_agent=False)
        return float(np.mean([abs(signal(sequence, TISSUE[name], self.field_t)) for name in ("gm", "wm")]))

    def noise_sigma(self, series: PlannedSeries, scan: PlannedScan) -> float:
        """Standard deviation of the noise of a scan, in units of signal."""
        averaged = 0.65 if scan.sequence.b_value > 0 else 1.0
        more = 1.0 if self.appearance is None else self.appearance.noise
        return more * self.planned.scanner.noise * series.role.noise * averaged * self.unit(scan.sequence)

    def clean(self, scan: PlannedScan) -> torch.Tensor:
        """[D, H, W] magnitude before anything goes wrong."""
        return self.resampling(scan)(self.contrast(scan.sequence)).abs_()

    def acquire(self, series: PlannedSeries) -> tuple[AcquiredScan, ...]:
        """The stored voxels of every stack of a series."""
        images = [self._image(series, scan, part) for part, scan in enumerate(series.scans)]
        if self.appearance is not None:
            images = [self._altered(series, scan, image) for scan, image in zip(series.scans, images, strict=True)]
        return tuple(self._store(series, scan, image) for scan, image in zip(series.scans, images, strict=True))

    def _image(self, series: PlannedSeries, scan: PlannedScan, part: int) -> torch.Tensor:
        """[D, H, W] float magnitude, or the map that a derived series holds."""
        case, scanner, derived = self.planned.case, self.planned.scanner, series.role.derived
        random = stream(case.seed, case.index, "noise", series.number, part)
        if derived == "adc":
            return self._adc_map(series, scan)
        image = self.clean(scan)
        if derived == "subtraction":
            before = dataclasses.replace(scan.sequence, contrast_agent=False)
            image -= self.clean(dataclasses.replace(scan, sequence=before))
        sharpen(image, scan.spacing_mm[2], SHARPENING)
        self._spoil(image, series, scan)
        interpolation = {1.0: 1.0, 1.4: 1.4}.get(round(scan.pixel_mm / scan.spacing_mm[2], 1), 2.0)
        if derived == "phase":
            return normal_like(image, random).mul_(0.15 * self.unit(scan.sequence)).add_(self.unit(scan.sequence))
        sigma = self.noise_sigma(series, scan)
        add_rician(image, sigma, random, interpolation=interpolation)
        if scanner.blank_background:
            blank(image, 2.6 * sigma)
        if series.name == "dwi":
            self._diffusion[scan.sequence.b_value] = image.clone()
        return image

    def _altered(self, series: PlannedSeries, scan: PlannedScan, image: torch.Tensor) -> torch.Tensor:
        """An image as others have worked on it: stripped or defaced, and but for maps with another window."""
        if self.appearance is None:
            return image
        if series.role.derived is None:
            image = window(image, self.appearance)
        if self._seen is not None:
            image *= self.resampling(scan)(self._seen) > 0.5
        return image

    def _adc_map(self, series: PlannedSeries, scan: PlannedScan) -> torch.Tensor:
        """From the diffusion images as measured, in units of 1e-6 mm²/s over 1000, cut where b0 is noise."""
        b0, weighted = self._diffusion[0.0], self._diffusion[B_VALUE]
        adc = adc_um2_ms(b0, weighted, B_VALUE).clamp_(0, 4.0)
        around = torch.nn.functional.avg_pool2d(b0[:, None], 3, 1, 1, count_include_pad=False)[:, 0]
        return adc.mul_(around > ADC_CUT * self.noise_sigma(series, scan))

    def _spoil(self, image: torch.Tensor, series: PlannedSeries, scan: PlannedScan) -> None:
        case, scanner = self.planned.case, self.planned.scanner
        study = stream(case.seed, case.index, "shading")
        shade(image, scanner.shading, study)
        coil = stream(case.seed, case.index, "coil")
        end_mm = END_MM + END_SPREAD_MM * float(np.clip(coil.standard_normal(), -2, 2))
        surface = float(coil.uniform(0.1, 0.5)) if series.role.echo_planar else float(coil.uniform(-0.04, 0.24))
        receive(image, scan.affine, end_mm=end_mm, surface=surface)
        drop_out(image, scan.affine, self._places(series, scan))
        random = stream(case.seed, case.index, "motion", series.number)
        depth = image.shape[0]
        axis = 2 if series.role.plane == "axial" else 1
        if series.role.echo_planar:
            ghost(image, 1, 2, float(random.uniform(0.004, 0.02)), slice(0, depth))
        elif (self._moving and random.random() < 0.6) or series.repeated:
            first = int(random.integers(0, max(1, depth // 2)))
            hit = slice(first, first + int(random.integers(depth // 3, depth + 1)))
            ghost(image, axis, int(random.integers(3, 7)), float(random.uniform(0.02, 0.07)), hit)
            shake(image, axis, int(random.integers(1, 4)), float(random.uniform(0.1, 0.35)), hit)

    def _places(self, series: PlannedSeries, scan: PlannedScan) -> list[DropOut]:
        """Where air and metal take signal away from echo-planar and gradient echoes."""
        echo_planar, kind = series.role.echo_planar, scan.sequence.kind
        gradient = kind in {"spoiled", "swi"} and scan.sequence.te_ms > 10
        places = []
        if echo_planar or gradient:
            size, loss = (13.0, 0.75) if echo_planar else (9.0, 0.6)
            size *= (self.field_t / 3.0) ** 0.5
            for site, side in (("nasal_cavity", "midline"), ("internal_auditory_canal", "left"),
                               ("internal_auditory_canal", "right")):  # fmt: skip
                x, y, z = self.head.at(site, side).tolist()  # type: ignore[arg-type]
                up, out = (14.0, 0.0) if side == "midline" else (-6.0, 18.0 if side == "left" else -18.0)
                places.append(DropOut(centre_mm=(x + out, y, z + up), radius_mm=size, loss=loss))
        if self._metal:
            x, y, z = self.head.at("nasal_cavity", "midline").tolist()
            reach = 34.0 if echo_planar or gradient else 17.0
            places.append(DropOut(centre_mm=(x + 22, y - 12, z - 38), radius_mm=reach, loss=1.0))
        return places

    def _store(self, series: PlannedSeries, scan: PlannedScan, image: torch.Tensor) -> AcquiredScan:
        """Integers as this scanner stores them."""
        case, scanner = self.planned.case, self.planned.scanner
        top = 4095 if scanner.bits == 12 else 32767
        slope = 1.0
        if series.role.derived == "adc":
            scale = 1000.0
        else:
            gain = float(stream(case.seed, case.index, "gain", series.number).lognormal(0, 0.18))
            scale = 0.5 * scanner.peak * gain / self.unit(scan.sequence)
            if scanner.rescaled:
                slope = round(float(stream(case.seed, case.index, "slope", series.number).uniform(0.6, 2.6)), 5)
                scale /= slope
        stored = image.mul_(scale).round_().clamp_(0, top).to(torch.int16).cpu().numpy()
        if not scanner.signed:
            stored = stored.view(np.uint16)
        return AcquiredScan(planned=scan, stored=stored, slope=slope)
