"""A head to be painted on: boxes of its grid, noise in millimetres, distances with soft and irregular borders.

Everything depends on positions in millimetres and on seeds, not on the grid: a lesion has the same shape on a 1 mm
and on a 2 mm head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from prima.simulate.head import Head
from prima.simulate.pathology.materials import MATERIALS
from prima.simulate.streams import stream
from prima.simulate.tissues import Tissue

Point = tuple[float, float, float]
"""x (to the left), y (to the back), z (to the head) in mm."""
Slices = tuple[slice, slice, slice]

_NOISE_SPREAD = 0.33


@dataclass(frozen=True, kw_only=True, eq=False)
class Box:
    """A part of a head's grid: where it lies in it, and its coordinates in mm, to be broadcast over [z, y, x]."""

    slices: Slices
    x: Tensor
    y: Tensor
    z: Tensor

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along z, y, x."""
        return (self.z.numel(), self.y.numel(), self.x.numel())

    @property
    def empty(self) -> bool:
        """Whether it lies outside the grid."""
        return 0 in self.shape

    def distance(self, point: Point) -> Tensor:
        """[z, y, x] distance from a point in mm."""
        x, y, z = point
        return ((self.x - x) ** 2 + (self.y - y) ** 2 + (self.z - z) ** 2).sqrt()

    def segment(self, start: Point, end: Point) -> Tensor:
        """[z, y, x] distance from the line between two points in mm."""
        a, b, c = (last - first for first, last in zip(start, end, strict=True))
        x, y, z = self.x - start[0], self.y - start[1], self.z - start[2]
        share = ((x * a + y * b + z * c) / (a * a + b * b + c * c or 1.0)).clamp(0, 1)
        return ((x - share * a) ** 2 + (y - share * b) ** 2 + (z - share * c) ** 2).sqrt()

    def noise(self, centre: Point, reach_mm: float, wavelength_mm: float, *key: int | str) -> Tensor:
        """[z, y, x] smooth noise of mean 0 and deviation 1 around a centre."""
        steps = int(np.ceil(reach_mm / wavelength_mm)) + 2
        count = 2 * steps + 1
        lattice = stream(*key).standard_normal((count, count, count), dtype=np.float32) / np.float32(_NOISE_SPREAD)
        field = torch.from_numpy(lattice).to(self.x.device)
        for axis, (values, middle) in enumerate(((self.z, centre[2]), (self.y, centre[1]), (self.x, centre[0]))):
            weights = _spline(values.flatten(), middle, wavelength_mm, steps)
            field = torch.movedim(torch.tensordot(weights, field, dims=([1], [axis])), 0, axis)
        return field


def _spline(values: Tensor, middle: float, wavelength_mm: float, steps: int) -> Tensor:
    """[n, lattice] weights of a cubic B-spline."""
    knots = torch.arange(-steps, steps + 1, dtype=torch.float32, device=values.device)
    t = ((values[:, None] - middle) / wavelength_mm - knots[None]).abs()
    near = 2 / 3 - t**2 + t**3 / 2
    far = (2 - t).clamp_min(0) ** 3 / 6
    return torch.where(t < 1, near, far)


class Canvas:
    """A head while lesions are painted on it; remembers the anatomy as it was before."""

    def __init__(self, head: Head) -> None:
        self.head = head
        affine = torch.as_tensor(head.grid.affine, dtype=torch.float32)
        depth, height, width = head.grid.shape
        device = torch.device(head.device)
        self._z = (affine[2, 3] + affine[2, 0] * torch.arange(depth)).to(device)
        self._y = (affine[1, 3] + affine[1, 1] * torch.arange(height)).to(device)
        self._x = (affine[0, 3] + affine[0, 2] * torch.arange(width)).to(device)
        self._surfaces: dict[str, Tensor] = {}
        white, grey, deep, csf = (head.fraction(name).clone() for name in ("wm", "gm", "deep_gm", "csf"))
        brain = white + grey + deep
        self._before = {
            "white_matter": white,
            "cortex": grey,
            "deep_gm": deep,
            "csf": csf,
            "brain": brain,
            "inside": (brain + csf + head.fraction("dura") + head.fraction("arterial_blood")
                       + head.fraction("venous_blood") + head.fraction("pituitary") +
                       head.fraction("choroid")).clamp(0, 1),
            "bone": head.fraction("bone") + head.fraction("marrow_fat"),
            "dura": head.fraction("dura").clone(),
            "vessels": head.fraction("arterial_blood").clone(),
            "pituitary": head.fraction("pituitary").clone(),
        }  # fmt: skip

    @property
    def whole(self) -> Box:
        """The whole grid."""
        return self._box((slice(0, self._z.numel()), slice(0, self._y.numel()), slice(0, self._x.numel())))

    @cached_property
    def cranium(self) -> Box:
        """The part of the grid that holds what lies inside the skull, with a margin of 6 mm."""
        inside = self._before["inside"] > 0.3
        slices = []
        for axis, others in enumerate(((1, 2), (0, 2), (0, 1))):
            found = torch.nonzero(inside.any(others[1]).any(others[0])).flatten()
            margin = round(6 / self.head.grid.spacing_mm)
            size = inside.shape[axis]
            slices.append(slice(max(int(found[0]) - margin, 0), min(int(found[-1]) + margin + 1, size)))
        return self._box((slices[0], slices[1], slices[2]))

    def box(self, centre: Point, reach_mm: float | Point) -> Box:
        """The part of the grid within so many millimetres of a point."""
        x, y, z = (reach_mm, reach_mm, reach_mm) if isinstance(reach_mm, float | int) else reach_mm
        return self._box((_near(self._z, centre[2], z), _near(self._y, centre[1], y), _near(self._x, centre[0], x)))

    def _box(self, slices: Slices) -> Box:
        z, y, x = slices
        return Box(slices=slices, x=self._x[x][None, None, :], y=self._y[y][None, :, None], z=self._z[z][:, None, None])

    def region(self, name: str, box: Box) -> Tensor:
        """[z, y, x] 0 to 1 in a box: a region of the head as it was before any lesion."""
        return self._before[name][box.slices]

    def depth_mm(self, box: Box) -> Tensor:
        """[z, y, x] how deep under the inner table of the skull, in mm; negative outside."""
        return self._lattice_field("cavity", box)

    def skin_mm(self, box: Box) -> Tensor:
        """[z, y, x] how deep under the skin, in mm; negative outside."""
        return self._lattice_field("skin", box)

    def _lattice_field(self, name: str, box: Box) -> Tensor:
        shape, template = self.head.shape, self.head.template
        if name not in self._surfaces:
            self._surfaces[name] = template.lattice.at(getattr(template, name), shape.outer)
        return -shape.lattice.on_grid(self._surfaces[name], self.head.grid, box.slices)[0]

    def template_points(self, box: Box) -> tuple[Tensor, Tensor, Tensor]:
        """x, y, z [z, y, x]: the point of the template that each voxel of the brain comes from, LPS mm."""
        x, y, z = self.head.shape.lattice.on_grid(self.head.shape.inner, self.head.grid, box.slices)
        return x, y, z

    def ventricle_mm(self, box: Box) -> Tensor:
        """[z, y, x] distance from the walls of the ventricles in mm; negative inside, smooth however wide they are."""
        if "ventricle" not in self._surfaces:
            shape, template = self.head.shape, self.head.template
            before = replace(shape, ventricles=1.0)  # as they would be if they had the template's width
            before.freeze()
            walls, moved = (template.ventricle_lattice.at(template.ventricle, p) for p in (before.inner, shape.inner))
            near = (moved.abs() < 1) & (walls.abs() < 30)
            wider = walls[near].quantile(0.8) if bool(near.any()) else torch.tensor(0.0)
            below = soft(2 - before.inner[2], 16.0)  # temporal horns, third and fourth widen less
            self._surfaces["ventricle"] = walls - wider * (1 - 0.5 * below)
        return self.head.shape.lattice.on_grid(self._surfaces["ventricle"], self.head.grid, box.slices)[0]

    def point(self, template_mm: Point) -> Point:
        """Where a point of the template lies in this head."""
        x, y, z = self.head.shape.head_point(torch.tensor(template_mm)).tolist()
        return (x, y, z)

    def paint(self, box: Box, fraction: Tensor, material: str | Tissue) -> None:
        """Put a material in a box; where its share is 1 nothing of the old tissue is left."""
        if not box.empty:
            tissue = MATERIALS[material] if isinstance(material, str) else material
            self.head.paint((box.slices, fraction.clamp(0, 1)), tissue)

    def mask(self, box: Box, values: Tensor) -> Tensor:
        """[z, y, x] bool over the whole grid, true where a box's values are."""
        full = torch.zeros(self.whole.shape, dtype=torch.bool, device=values.device)
        full[box.slices] = values
        return full


def _near(values: Tensor, centre: float, reach_mm: float) -> slice:
    found = torch.nonzero((values - centre).abs() <= reach_mm).flatten()
    return slice(int(found[0]), int(found[-1]) + 1) if found.numel() else slice(0, 0)


def soft(values: Tensor, width: float) -> Tensor:
    """1 where values are clearly positive, 0 where clearly negative, a smooth step of a width between."""
    step = (values / width + 0.5).clamp(0, 1)
    return step * step * (3 - 2 * step)


def turned(key: Sequence[int | str], *, at_random: bool) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """[3, 3] a rotation drawn from its key, or none."""
    if not at_random:
        return np.eye(3)
    matrix, upper = np.linalg.qr(stream(*key).standard_normal((3, 3)))
    return np.asarray(matrix * np.sign(np.diag(upper)))
