"""At the surface of the brain and through the skull: subdural blood, craniotomy, catheter, cephalocele, thick dura."""

from __future__ import annotations

import torch
from torch import Tensor

from prima.simulate.geometry.streams import stream
from prima.simulate.pathology.box import Point, soft
from prima.simulate.pathology.job import Job
from prima.simulate.pathology.place import sign

_BLOOD = {
    "acute": "blood_acute", "early subacute": "blood_early_subacute", "late subacute": "blood_late_subacute",
    "chronic": "blood_chronic",
}  # fmt: skip


def subdural(job: Job) -> Tensor:
    """A crescent under the skull: thickest over the convexity, thin at its horns, held by the falx."""
    canvas, box = job.canvas, job.canvas.cranium
    x, y, z = canvas.template_points(box)
    depth = canvas.depth_mm(box)
    mask = torch.zeros(box.shape, dtype=torch.bool, device=x.device)
    wave = box.noise((0, 0, 10), 130, 22, job.lesion.seed, "crescent")
    for s in sign(job.lesion):
        up = (((y - 4) / 74) ** 2 + ((z - 26) / 50) ** 2).sqrt() + 0.08 * wave
        thick = job.lesion.size_mm * (1 - up**2).clamp(0, 1) ** 0.6 * soft(s * x - 6, 6)
        share = soft(thick - depth, 1.6) * soft(depth + 0.2, 1.0) * soft(thick - 0.8, 1.0)
        share = share * canvas.region("inside", box)
        stage = job.lesion.stage or "acute"
        if job.cause.diagnosis == "ventricular_intracranial_hypotension":
            canvas.paint(box, share, "hygroma")
        else:
            if stage in ("acute", "early subacute", "chronic"):
                canvas.paint(box, share, "blood_hyperacute" if stage != "chronic" else "blood_chronic")
            grain = 0.5 * wave + 0.8 * box.noise((0, 0, 10), 130, 9, job.lesion.seed, "layers")
            canvas.paint(box, share * (0.25 + 0.65 * soft(grain + 0.4, 2.0)), _BLOOD[stage])
            membrane = share * soft(1.4 - (thick - depth).abs(), 1.0)
            if stage in ("late subacute", "chronic"):
                canvas.paint(box, membrane * 0.8, "thick_dura")
        mask |= share > 0.4
    return job.mask(box, mask)


def craniotomy(job: Job) -> Tensor:
    """A flap of skull: cuts around it, thick enhancing dura and a film of fluid under it, scar in the scalp."""
    canvas = job.canvas
    s = 1.0 if job.centre[0] >= 0 else -1.0
    outer = _outward(job)
    size = max(job.lesion.size_mm, 30.0)
    box = canvas.box(outer, 0.75 * size + 12)
    far = box.distance(outer) / (size / 2)
    far = far * (1 + 0.06 * box.noise(outer, size + 20, 0.5 * size, job.lesion.seed, "flap"))
    depth, bone = canvas.depth_mm(box), canvas.region("bone", box)
    shell = soft(depth + 13, 2.0) * soft(1.0 - depth, 1.0)
    edge = soft(2.4 - (far - 1).abs() * size / 2, 1.2)
    canvas.paint(box, edge * bone * shell, "scar")
    for turn in range(4):
        angle = 0.4 + 1.57 * turn
        hole: Point = (outer[0] + s * 2, outer[1] + 0.5 * size * float(torch.cos(torch.tensor(angle))),
                       outer[2] + 0.5 * size * float(torch.sin(torch.tensor(angle))))  # fmt: skip
        canvas.paint(box, soft(6.0 - box.distance(hole), 2.0) * bone * shell, "scar")
    inside = canvas.region("inside", box)
    under = soft(1.02 - far, 0.1) * inside
    canvas.paint(box, under * soft(4.5 - depth, 1.5), "hygroma")
    canvas.paint(box, under * soft(2.2 - depth, 1.0), "thick_dura")
    skin = canvas.skin_mm(box)
    scalp = soft(-6.0 - depth, 1.5) * soft(skin, 1.0)
    canvas.paint(box, scalp * soft(4.5 - (far - 1).abs() * size / 2, 2.5) * 0.75, "scar")
    return job.mask(box, (far < 1.1) & (depth < 3) & (depth > -14) & ((bone > 0.2) | (under > 0.2)))


def _outward(job: Job) -> Point:
    """The point of the inner table nearest to the lesion, on the way out from the middle of the head."""
    x, y, z = job.centre
    middle = job.at("thalamus", "midline") if z > -20 else (0.0, 40.0, -30.0)
    best, step = job.centre, 0
    while step < 40:
        near = job.canvas.box(best, 1.5 * job.canvas.head.grid.spacing_mm)
        if near.empty or float(job.canvas.depth_mm(near).mean()) < 1.0:
            break
        away = (x - middle[0], y - middle[1], max(z - middle[2], 6.0) if z > -20 else z - middle[2])
        length = max(sum(a * a for a in away) ** 0.5, 1e-3)
        step += 1
        best = (x + 2 * step * away[0] / length, y + 2 * step * away[1] / length, z + 2 * step * away[2] / length)
    return best


def surgical_cavity(job: Job) -> Tensor:
    """A cavity with a smooth wall and the way to it from the surface."""
    box, inside = job.body(reach=1.6)
    outer = _outward(job)
    way = box.segment(job.centre, outer) / max(0.55 * job.radius, 3.0)
    joined = torch.minimum(inside, way + 0.05)
    job.layers(box, joined, job.pattern.layers_at(job.lesion.stage))
    return job.mask(box, (joined < 1) & (job.canvas.region("inside", box) > 0.3))


def catheter(job: Job) -> Tensor:
    """A tube from a burr hole to the ventricle; a shunt has a reservoir under the scalp."""
    canvas = job.canvas
    side = job.lesion.side
    s = 1.0 if side == "left" else -1.0
    frontal = job.lesion.site == "lateral_ventricle_frontal_horn"
    tip = job.at("foramen_of_monro" if frontal else "lateral_ventricle_body", side)
    entry: Point = (s * 32, -46, 62) if frontal else (s * 38, 86, 36)
    direction = [e - t for e, t in zip(entry, tip, strict=True)]
    length = sum(d * d for d in direction) ** 0.5
    unit = [d / length for d in direction]
    end: Point = (tip[0] + unit[0] * 110, tip[1] + unit[1] * 110, tip[2] + unit[2] * 110)
    middle: Point = ((tip[0] + end[0]) / 2, (tip[1] + end[1]) / 2, (tip[2] + end[2]) / 2)
    box = canvas.box(middle, (abs(unit[0]) * 55 + 14, abs(unit[1]) * 55 + 14, abs(unit[2]) * 55 + 14))
    line = box.segment(tip, end)
    depth = canvas.depth_mm(box)
    tube = soft(job.lesion.size_mm / 2 + 0.4 - line, 1.4) * soft(depth + 9, 2)
    halo = soft(job.lesion.size_mm / 2 + 2.2 - line, 2.0) * canvas.region("brain", box)
    canvas.paint(box, halo * 0.6, "gliosis")
    hole = soft(6.5 - line, 2.0) * canvas.region("bone", box) * soft(depth + 12, 2) * soft(-depth + 1, 1)
    canvas.paint(box, hole, "scar")
    if job.lesion.stage == "shunt":
        lump = soft(9 - line, 2.0) * soft(-depth - 7, 1.5) * soft(depth + 15, 1.5)
        canvas.paint(box, lump, "void")
    canvas.paint(box, tube, "void")
    return job.mask(box, (tube > 0.35) & (depth > -9))


def cephalocele(job: Job) -> Tensor:
    """A gap in the skull and a sac outside it: CSF, and brain in the larger ones."""
    canvas, radius = job.canvas, job.radius
    where: dict[str, tuple[Point, Point]] = {
        "posterior_fossa_midline": ((0.0, 92.0, -34.0), (0.0, 0.88, -0.47)),
        "skull_base_anterior": ((0.0, -44.0, -26.0), (0.0, -0.45, -0.9)),
        "skull_convexity": ((0.0, 34.0, 80.0), (0.0, 0.3, 0.95)),
    }
    start, way = where[job.lesion.site]
    start = canvas.point(start)
    for _ in range(40):  # to the inner table
        near = canvas.box(start, 1.5 * canvas.head.grid.spacing_mm)
        if near.empty or float(canvas.depth_mm(near).mean()) < 0.5:
            break
        start = (start[0] + way[0], start[1] + way[1], start[2] + way[2])
    far = 0.85 * radius + 6
    middle: Point = (start[0] + way[0] * far, start[1] + way[1] * far, start[2] + way[2] * far)
    box = canvas.box(middle, 1.6 * radius + 14)
    lobes = 1 + 0.1 * box.noise(middle, 2 * radius + 20, max(0.8 * radius, 4), job.lesion.seed, "sac")
    sac = box.distance(middle) / radius * lobes
    neck = box.segment(start, middle) / max(0.42 * radius, 3.0)
    back: Point = (start[0] - 6 * way[0], start[1] - 6 * way[1], start[2] - 6 * way[2])
    neck = torch.minimum(neck, box.segment(back, start) / max(0.42 * radius, 3.0))
    joined = torch.minimum(sac, neck)
    if job.lesion.site != "skull_base_anterior":
        canvas.paint(box, soft(1 + 3.0 / radius - sac, 1.6 / radius), "skin_like")
    canvas.paint(box, soft(1 - joined, 1.6 / radius), "csf_like")
    if stream(job.lesion.seed, "brain").random() < 0.65 or job.lesion.subtlety == 1:
        fold = 0.5 * box.noise(middle, 2 * radius + 20, 5, job.lesion.seed, "folds")
        core = torch.minimum(
            box.distance(middle) / (0.62 * radius), box.segment(back, middle) / max(0.26 * radius, 2.0)
        )
        canvas.paint(box, soft(1 - core + 0.3 * fold, 0.3), "grey")
        canvas.paint(box, soft(0.6 - core + 0.3 * fold, 0.3), "white")
    outside = canvas.depth_mm(box) < 2
    return job.mask(box, (joined < 1) & outside)


def hypotension(job: Job) -> Tensor:
    """Smooth thick enhancing dura everywhere, a film of fluid under it, full pituitary; the sagging is shape."""
    canvas, box, degree = job.canvas, job.canvas.cranium, job.lesion.degree
    z = canvas.template_points(box)[2]
    depth = canvas.depth_mm(box)
    above = soft(z + 64, 4)
    inside = canvas.region("inside", box)
    thick = 0.7 + 1.1 * degree
    film = soft(thick + 1.8 * degree - depth, 1.0) * inside * above
    canvas.paint(box, film * degree, "hygroma")
    share = soft(thick - depth, 0.9) * soft(depth + 0.6, 0.9) * above
    canvas.paint(box, share * (0.6 + 0.4 * degree), "thick_dura")
    sella = job.at("sella", "midline")
    near = canvas.box(sella, 14)
    gland = soft(4.5 + 3 * degree - near.distance((sella[0], sella[1], sella[2] + 1.5)), 1.5)
    canvas.paint(near, gland, "adenoma_bright")
    return job.mask(box, share > 0.4)
