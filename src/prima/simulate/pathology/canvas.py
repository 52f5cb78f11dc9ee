"""A head to be painted on: its regions and surfaces as they were before, what is painted, the masks.

Everything depends on positions in millimetres and on seeds, not on the grid: a lesion has the same shape on a 1 mm
and on a 2 mm head.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor

from prima.simulate.anatomy.head import Head
from prima.simulate.pathology.box import Box, Point, Slices, near, soft, touched, within
from prima.simulate.pathology.materials import MATERIALS
from prima.simulate.scanner.tissues import Tissue


class Canvas:
    """A head while lesions are painted on it; remembers the anatomy as it was before."""

    def __init__(self, head: Head) -> None:
        self.head = head
        affine = torch.tensor(head.grid.affine.matrix, dtype=torch.float32)
        depth, height, width = head.grid.shape
        device = torch.device(head.device)
        self._z = (affine[2, 3] + affine[2, 0] * torch.arange(depth)).to(device)
        self._y = (affine[1, 3] + affine[1, 1] * torch.arange(height)).to(device)
        self._x = (affine[0, 3] + affine[0, 2] * torch.arange(width)).to(device)
        self._surfaces: dict[str, Tensor] = {}
        white, grey, csf = (head.fraction(name).clone() for name in ("wm", "gm", "csf"))
        brain = (white + grey).add_(head.fraction("deep_gm"))
        inside = brain + csf
        for name in ("dura", "arterial_blood", "venous_blood", "pituitary", "choroid"):
            inside += head.fraction(name)
        self._before = {
            "white_matter": white,
            "cortex": grey,
            "csf": csf,
            "brain": brain,
            "inside": inside.clamp_(0, 1),
            "bone": head.fraction("bone") + head.fraction("marrow_fat"),
            "vessels": head.fraction("arterial_blood").clone(),
        }

    @property
    def whole(self) -> Box:
        """The whole grid."""
        return self._box((slice(0, self._z.numel()), slice(0, self._y.numel()), slice(0, self._x.numel())))

    @cached_property
    def cranium(self) -> Box:
        """The part of the grid that holds what lies inside the skull, with a margin of 6 mm."""
        inside = self._before["inside"] > 0.3
        slices = []
        for axis, other_axes in enumerate(((1, 2), (0, 2), (0, 1))):
            indices = torch.nonzero(inside.any(other_axes[1]).any(other_axes[0])).flatten()
            margin = round(6 / self.head.grid.spacing_mm)
            size = inside.shape[axis]
            slices.append(slice(max(int(indices[0]) - margin, 0), min(int(indices[-1]) + margin + 1, size)))
        return self._box((slices[0], slices[1], slices[2]))

    def box(self, centre: Point, reach_mm: float | Point) -> Box:
        """The part of the grid within so many millimetres of a point."""
        x, y, z = (reach_mm, reach_mm, reach_mm) if isinstance(reach_mm, float | int) else reach_mm
        return self._box((near(self._z, centre[2], z), near(self._y, centre[1], y), near(self._x, centre[0], x)))

    def _box(self, slices: Slices) -> Box:
        z, y, x = slices
        return Box(slices=slices, x=self._x[x][None, None, :], y=self._y[y][None, :, None], z=self._z[z][:, None, None])

    def part(self, box: Box, mask: Tensor) -> Box:
        """The smallest part of a box outside of which nothing is wanted [z, y, x]; the box itself when nothing is."""
        touched_box = touched(mask.to(torch.uint8))
        return box if touched_box is None else self._box(within(box, touched_box))

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
        tissue = MATERIALS[material] if isinstance(material, str) else material
        part = touched(fraction)
        if part is not None:  # the less is painted, the faster
            self.head.paint((within(box, part), fraction[part].clamp(0, 1)), tissue)

    def mask(self, box: Box, values: Tensor) -> Tensor:
        """[z, y, x] bool over the whole grid, true where a box's values are."""
        full = torch.zeros(self.whole.shape, dtype=torch.bool, device=values.device)
        full[box.slices] = values
        return full
