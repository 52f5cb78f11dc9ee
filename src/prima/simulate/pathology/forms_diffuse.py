"""Many small or spread-out lesions: plaques, leukoaraiosis, axonal injury, encephalitis, sarcoid, heterotopia."""

from __future__ import annotations

import torch
from torch import Tensor

from prima.simulate.geometry.streams import stream
from prima.simulate.pathology.box import Point, soft
from prima.simulate.pathology.job import Job
from prima.simulate.pathology.place import sign


def _spot(job: Job, centre: Point, radii: Point, material: str, index: int, *, share: float = 1.0,
          within: str | None = "brain") -> Tensor:  # fmt: skip
    """One ellipsoid with a soft irregular edge; its mask."""
    reach = max(radii)
    box = job.canvas.box(centre, 1.5 * reach + 3)
    x, y, z = ((values - at) / r for values, at, r in zip((box.x, box.y, box.z), centre, radii, strict=True))
    inside = (x**2 + y**2 + z**2).sqrt()
    inside = inside * (
        1 + 0.14 * box.noise(centre, 1.6 * reach + 4, max(0.7 * reach, 2.5), job.lesion.seed, "spot", index)
    )
    alpha = soft(1 - inside, 1.6 / reach) * share
    if within is not None:
        alpha = alpha * job.canvas.region(within, box)
    job.canvas.paint(box, alpha, material)
    visible = inside < 1
    if within is not None:
        visible &= job.canvas.region(within, box) > 0.3
    return job.mask(box, visible)


def _bleed(job: Job, centre: Point, radii: Point, index: int) -> Tensor:
    """A spot of old blood, larger on gradient echoes than it is."""
    x, y, z = radii
    _spot(job, centre, (1.5 * x, 1.5 * y, 1.5 * z), "bloom", index, share=0.8)
    return _spot(job, centre, radii, "hemosiderin", index)


def _empty(job: Job) -> Tensor:
    return torch.zeros(job.canvas.whole.shape, dtype=torch.bool, device=job.canvas.whole.x.device)


def plaques(job: Job) -> Tensor:
    """Multiple sclerosis: ovals at right angles to the ventricles, in the callosum, under the cortex, in the pons."""
    random = stream(job.lesion.seed, "plaques")
    count = round(4 + 22 * job.lesion.degree)
    mask = _empty(job)
    for index in range(count):
        kind = float(random.random())
        half = job.lesion.size_mm / 2 * float(random.uniform(0.45, 1.0) if index else 1.0)
        s = 1.0 if random.random() < 0.5 else -1.0
        a, b, c = (float(v) for v in random.uniform(-1, 1, 3))
        if index == 0 or kind < 0.55:  # Dawson's fingers
            point: Point = (s * (22 + 3 * a), 8 + 36 * b, 24 - 3 * abs(b) + 4 * c)
            radii: Point = (1.25 * half, 0.7 * half, 0.8 * half)
        elif kind < 0.68:
            point, radii = (s * (5 + 3 * a), 10 + 24 * b, 22 - 6 * b * b), (0.7 * half, 0.7 * half, 0.9 * half)
        elif kind < 0.87:
            point, radii = (s * (38 + 8 * a), 5 + 45 * b, 32 + 16 * c), (0.75 * half, 0.75 * half, 0.75 * half)
        else:
            point = (s * (10 + 5 * a), 32 + 4 * b, -34 + 6 * c) if kind < 0.93 else (s * 22, 58 + 6 * b, -36 + 5 * c)
            radii = (0.6 * half, 0.7 * half, 0.6 * half)
        centre = job.canvas.point(point)
        share = job.fade * float(random.uniform(0.85, 1.0))
        mask |= _spot(job, centre, radii, "plaque", index, share=share)
        state = float(random.random())
        inner = (0.6 * radii[0], 0.6 * radii[1], 0.6 * radii[2])
        if job.lesion.stage == "active" and (index == 0 or state < 0.25):
            _spot(job, centre, radii, "active_plaque", index, share=0.85)
            _spot(job, centre, inner, "plaque", index, share=0.8)
        elif state > 0.7 and half > 3:
            _spot(job, centre, inner, "black_hole", index, share=0.8)
    return mask


def heterotopia(job: Job) -> Tensor:
    """Nodules of gray matter in a row on the wall of the lateral ventricles."""
    random = stream(job.lesion.seed, "nodules")
    mask = _empty(job)
    count = 0
    for s in sign(job.lesion):
        for step in range(round(2 + 6 * job.lesion.degree)):
            half = job.lesion.size_mm / 2 * float(random.uniform(0.6, 1.0))
            along = -18 + 10.5 * step + float(random.uniform(-3, 3)) if job.lesion.subtlety < 3 else 20 + 16 * step
            inside = (s * (9 + 0.28 * max(along + 10, 0)), along, 22 - 0.2 * max(along - 12, 0))
            point = _on_the_wall(job, job.canvas.point(inside), s, half)
            mask |= _spot(job, point, (half, 1.15 * half, half), "grey", count, within=None)
            count += 1
    return mask


def _on_the_wall(job: Job, point: Point, outward: float, half: float) -> Point:
    """The centre of a nodule that touches the wall of the ventricle from outside, on the way out from a point."""
    x, y, z = point
    for _ in range(30):
        near = job.canvas.box((x, y, z), 1.5 * job.canvas.head.grid.spacing_mm)
        if near.empty or float(job.canvas.ventricle_mm(near).mean()) > 0.45 * half:
            break
        x += outward
    return (x, y, z)


def leukoaraiosis(job: Job) -> Tensor:
    """White matter disease of small vessels: caps and halo, deep patches that flow together, lacunes, microbleeds."""
    canvas, box, degree = job.canvas, job.canvas.cranium, job.lesion.degree
    x, y, z = canvas.template_points(box)
    wall = canvas.ventricle_mm(box)
    key = job.lesion.seed
    origin = (0.0, 0.0, 20.0)
    coarse = box.noise(origin, 130, 9, key, "coarse")
    fine = box.noise(origin, 130, 4.5, key, "fine")
    halo = soft(0.8 + 10.5 * degree - wall + 2.5 * coarse, 4.0) * soft(x.abs() - 9, 5.0)
    ends = soft(4 + 12 * degree - torch.minimum(
        ((x.abs() - 16) ** 2 + (y + 32) ** 2 + (z - 10) ** 2).sqrt(), ((x.abs() - 30) ** 2 + (y - 52) ** 2 + (z - 14)
        ** 2).sqrt()
    ) + 2 * fine, 4.0)  # fmt: skip
    deep = (
        soft(0.75 * coarse + 0.65 * fine - (2.15 - 1.75 * degree), 0.6)
        * soft(z - 14, 8)
        * soft(34 - (x.abs() - 22).abs(), 8)
    )
    white = canvas.region("white_matter", box)
    deep = deep * soft(white - 0.75, 0.4)
    share = torch.maximum(torch.maximum(halo, ends * 0.95), deep) * soft(z + 2, 6) * soft(white - 0.35, 0.5)
    canvas.paint(box, share * (0.72 + 0.28 * degree), "leukoaraiosis")
    random = stream(key, "small")
    mask = job.mask(box, share > 0.4)
    for index in range(round(6 * max(degree - 0.45, 0))):
        point = canvas.point((float(random.choice([-1, 1])) * float(random.uniform(14, 28)), float(random.uniform(-10,
        20)),
                              float(random.uniform(0, 30))))  # fmt: skip
        mask |= _spot(job, point, (2.2, 2.6, 3.0), "csf_like", index)
    for index in range(round(16 * max(degree - 0.5, 0))):
        point = canvas.point((float(random.choice([-1, 1])) * float(random.uniform(10, 30)), float(random.uniform(-5,
        25)),
                              float(random.uniform(-4, 32))))  # fmt: skip
        _bleed(job, point, (1.8, 1.8, 1.8), 100 + index)
    return mask


def axonal(job: Job) -> Tensor:
    """Dots at the gray-white junction, in the splenium (grade 2) and the dorsal midbrain (grade 3)."""
    random = stream(job.lesion.seed, "dots")
    mask = _empty(job)
    grade = int((job.lesion.stage or "grade 1")[-1])
    for index in range(round(8 + 30 * job.lesion.degree)):
        s = float(random.choice([-1, 1]))
        a, b, c = (float(v) for v in random.uniform(-1, 1, 3))
        point: Point = (s * (18 + 9 * a), -14 + 38 * b, 42 + 12 * c)
        if random.random() < 0.25:
            point = (s * (44 + 5 * a), 18 + 18 * b, -8 + 8 * c)
        size = float(random.uniform(1.3, 2.3)) * (0.8 + 0.4 * job.lesion.degree)
        centre = job.canvas.point(point)
        torn = (1.4 * size, 2.2 * size, 1.4 * size)
        if random.random() < 0.25:  # without blood
            mask |= _spot(job, centre, torn, "infarct_acute", index, share=0.9)
        else:
            mask |= _bleed(job, centre, (size, 1.5 * size, size), index)
    places: list[tuple[Point, Point]] = []
    if grade >= 2:
        places.append(((4.0, 36.0, 15.0), (7.0, 5.0, 5.0)))
    if grade >= 3:
        places.append(((6.0, 34.0, -14.0), (4.0, 4.0, 5.0)))
    for index, (spot, radii) in enumerate(places):
        centre = job.canvas.point(spot)
        mask |= _spot(job, centre, radii, "infarct_acute", 500 + index, share=0.9)
        _spot(job, centre, (2.0, 2.0, 2.0), "hemosiderin", 520 + index)
    return mask


def encephalitis(job: Job) -> Tensor:
    """Herpes: medial temporal lobe, insula, cingulum and frontal base; one side ahead of the other, putamen spared."""
    canvas, box = job.canvas, job.canvas.cranium
    x, y, z = canvas.template_points(box)
    worse = 1.0 if job.lesion.side == "left" else -1.0 if job.lesion.side == "right" else float(
        stream(job.lesion.seed, "worse").choice([-1.0, 1.0])
    )  # fmt: skip
    noise = 0.28 * box.noise((0, 0, 0), 130, 11, job.lesion.seed, "herpes")
    share = torch.zeros(box.shape, device=x.device)
    reach = job.lesion.size_mm / 80
    for s in (1.0, -1.0):
        if s != worse and job.lesion.side in ("left", "right"):
            continue
        extent = reach * (1.0 if s == worse else 0.6)
        for (px, py, pz), radii in (((30, 6, -24), (17, 30, 13)), ((39, -4, 0), (6, 22, 14)),
                                    ((5, -16, 30), (5, 24, 7)),
                                    ((16, -34, -18), (12, 12, 6))):  # fmt: skip
            fit = extent if px == 30 else max(extent - 0.15, 0.3)
            far = (
                ((x - s * px) / radii[0]) ** 2 + ((y - py) / radii[1]) ** 2 + ((z - pz) / radii[2]) ** 2
            ).sqrt() / fit
            share = torch.maximum(share, soft(1 - far + noise, 0.35))
    cortex, white = canvas.region("cortex", box), canvas.region("white_matter", box)
    share = share * (cortex + 0.65 * white).clamp(0, 1)
    canvas.paint(box, share * job.fade, "viral_edema")
    return job.mask(box, share > 0.4)


def sarcoid(job: Job) -> Tensor:
    """Granulomas on the basal meninges, stalk and hypothalamus, in sulci, and a nodule or two on the dura."""
    canvas, box, degree = job.canvas, job.canvas.cranium, job.lesion.degree
    x, y, z = canvas.template_points(box)
    key = job.lesion.seed
    patchy = box.noise((0, 10, -20), 120, 6, key, "patchy")
    base = ((x / 30) ** 2 + ((y - 8) / 32) ** 2 + ((z + 22) / 15) ** 2).sqrt()
    csf, brain = canvas.region("csf", box), canvas.region("brain", box)
    rim = (
        csf * (0.35 + 0.65 * soft(brain - 0.02, 0.3)) * soft(box.noise((0, 10, -20), 120, 4.5, key, "fine") + 0.5, 1.5)
    )
    film = rim * soft(1.15 - base, 0.3) * soft(patchy + 1.3 * degree - 0.2, 0.8)
    sulci = rim * soft(patchy - (2.2 - 1.1 * degree), 0.5) * soft(z + 10, 5)
    share = torch.maximum(film, sulci) * soft(canvas.depth_mm(box) - 1, 2)
    canvas.paint(box, share * (0.5 + 0.5 * degree), "leptomeninges")
    mask = job.mask(box, share > 0.35)
    random = stream(key, "granulomas")
    half = job.lesion.size_mm / 2
    spots: list[Point] = [(0.0, -2.0, -20.0), (7.0, -6.0, -18.0), (-8.0, 10.0, -14.0), (10.0, 18.0, -24.0)]
    for index, spot in enumerate(spots[: round(1 + 3 * degree)]):
        r = half * float(random.uniform(0.6, 1.0))
        mask |= _spot(job, canvas.point(spot), (0.8 * r, r, 0.9 * r), "granuloma", index, within=None)
    if degree > 0.5:
        s = float(random.choice([-1, 1]))
        radii: Point = (0.5 * half, 1.2 * half, 0.9 * half)
        mask |= _spot(
            job, canvas.point((s * 58.0, float(random.uniform(-10, 30)), 30.0)), radii, "granuloma", 90, within="inside"
        )
    return mask
