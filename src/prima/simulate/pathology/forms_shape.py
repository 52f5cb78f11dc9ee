"""Findings of shape: the deformation does most (`hooks`); here what has to be painted, and the region affected."""

from __future__ import annotations

import torch
from torch import Tensor

from prima.simulate.pathology.box import Box, Point, soft
from prima.simulate.pathology.job import Job
from prima.simulate.pathology.place import sign
from prima.simulate.people.case import Side


def dandy_walker(job: Job) -> Tensor:
    """The cyst behind a small turned vermis, open to the fourth ventricle."""
    canvas, degree = job.canvas, job.lesion.degree
    box = canvas.box(job.at("posterior_fossa_midline", "midline"), 75.0)
    x, y, z = canvas.template_points(box)
    wide = 13 + 17 * degree
    wobble = 0.07 * box.noise(job.centre, 90, 14, job.lesion.seed, "cyst")
    cyst = (
        (x / wide) ** 2 + ((y - 80) / (26 + 10 * degree)) ** 2 + ((z + 46) / (16 + 15 * degree)) ** 2
    ).sqrt() + wobble
    mouth = ((x / (5 + 6 * degree)) ** 2 + ((y - 55) / 18) ** 2 + ((z + 42) / 13) ** 2).sqrt() + wobble
    joined = torch.minimum(cyst, mouth)
    share = soft(1 - joined, 0.08) * soft(y - 40, 2) * soft(-8 - z, 3) * canvas.region("inside", box)
    canvas.paint(box, share, "csf_like")
    return job.mask(box, (share > 0.5) & (canvas.depth_mm(box) > 0))


def callosal(job: Job) -> Tensor:
    """No callosum, or none behind: gray and CSF in its place, ventricles apart and wide at the back."""
    canvas, degree = job.canvas, job.lesion.degree
    box = canvas.box(job.at("corpus_callosum", "midline"), 85.0)
    x, y, z = canvas.template_points(box)
    front = -60.0 if job.lesion.stage == "complete" else 24.0 - 40 * degree
    present = soft(y - front, 4)
    along = y.clamp(-34, 40)
    arch = 27 - 0.0075 * (along - 2) ** 2
    up = z - arch
    inside = canvas.region("inside", box)
    plate = soft(13 - x.abs(), 2) * soft(7 - up.abs(), 2) * soft(y + 42, 3) * soft(50 - y, 3) * present * inside
    gap = (
        soft(3.2 - 1.6 * ((y - 4).abs() / 40) ** 3 - x.abs() + 0.06 * up, 1.5)
        * soft(up + 20, 3)
        * soft(20 - up, 4)
        * soft(y + 44, 9)
        * soft(52 - y, 9)
        * present
    )
    canvas.paint(box, plate, "grey")
    canvas.paint(box, gap * inside, "csf_like")
    mask = plate > 0.4
    for s in (1.0, -1.0):  # teardrop trigones, frontal horns apart
        back = (((s * x - 25) / 12) ** 2 + ((y - 50) / 27) ** 2 + ((z - 11) / 13) ** 2).sqrt()
        body = (((s * x - 20) / 5.5) ** 2 + ((y - 8) / 34) ** 2 + ((z - 24) / 8) ** 2).sqrt()
        wide = 0.75 + 0.35 * degree
        share = torch.maximum(soft(wide - back, 0.12), soft(0.95 - body, 0.15)) * present * inside
        medial = (
            soft(15 - s * x, 1.5)
            * soft(s * x - 4, 1.5)
            * soft(9 - (z - 20).abs(), 2)
            * soft(y + 38, 3)
            * soft(36 - y, 3)
        )
        canvas.paint(box, medial * present * inside * 0.95, "white")
        canvas.paint(box, share, "csf_like")
        mask |= share > 0.5
    return job.mask(box, mask)


def syrinx(job: Job) -> Tensor:
    """A tube of CSF inside the cord, wider and narrower along it."""
    canvas = job.canvas
    top, low = job.at("cervicomedullary_junction", "midline"), job.at("cervical_cord", "midline")
    step = [b - a for a, b in zip(top, low, strict=True)]
    start: Point = (top[0] + 0.25 * step[0], top[1] + 0.25 * step[1], top[2] + 0.25 * step[2])
    end: Point = (low[0] + 2.0 * step[0], low[1] + 2.0 * step[1], low[2] + 2.0 * step[2])
    box = canvas.box(low, (14.0, 24.0, 60.0))
    beads = 1 + 0.18 * box.noise(low, 70, 7, job.lesion.seed, "beads")
    line = box.segment(start, end)
    cord = soft(job.lesion.size_mm / 2 + 1.8 - line, 1.2)
    share = soft(0.42 * job.lesion.size_mm * beads - line, 1.2)
    canvas.paint(box, cord, "white")
    canvas.paint(box, share, "csf_like")
    return job.mask(box, share > min(0.4, 0.8 * float(share.max())))


def tonsils(job: Job) -> Tensor:
    """Pegs of cerebellum below the foramen magnum, where CSF should be."""
    canvas = job.canvas
    down = 4 + 14 * job.lesion.degree
    magnum = job.at("foramen_magnum", "midline")
    box = canvas.box(magnum, 45.0)
    x, y, z = magnum
    inward = torch.full(box.shape, -9.0, device=box.x.device)
    wobble = 1 + 0.06 * box.noise(magnum, 50, 8, job.lesion.seed, "peg")
    for s in (1.0, -1.0):
        top: Point = (x + s * 5.5, y + 9.5, z + 9)
        tip: Point = (x + s * 2.6, y + 7.0, z - down)
        along = ((z + 9 - box.z) / (9 + down)).clamp(0, 1)
        width = (7.0 - 5.0 * along**1.3) * wobble
        inward = torch.maximum(inward, width - box.segment(top, tip))
    canal = canvas.region("inside", box) * soft(z + 4 - box.z, 6)
    canvas.paint(box, soft(inward + 1.5, 1.0) * canal, "csf_like")  # the cleft against the cord
    share = soft(inward, 1.0)
    canvas.paint(box, share * canvas.region("inside", box), "grey")
    canvas.paint(box, soft(inward - 2.2, 2.0) * 0.5, "white")
    return job.mask(box, (share > 0.45) & (box.z < z + 3))


WALL_MM = 0.4
"""Where the template's CSF ends, by the distance to its ventricles."""


def _smooth_walls(job: Job, box: Box, wall: Tensor) -> None:
    """Wide ventricles are the template's stretched, and so are the steps of its voxels: draw the walls anew."""
    canvas = job.canvas
    box = canvas.part(box, wall < 7)
    wall = canvas.ventricle_mm(box)
    inside = canvas.region("inside", box)
    x, y, z = canvas.template_points(box)
    aside, callosum = soft(x.abs() - 7, 3) * soft(5.5 - wall, 1.5), soft(z - 10, 4) * soft(4.2 - wall, 1.5)
    rim = soft(wall - WALL_MM, 1.0) * torch.maximum(aside, callosum) * soft(z + 18, 4)
    canvas.paint(box, rim * canvas.region("csf", box), "white")
    canvas.paint(box, soft(WALL_MM - wall, 1.2) * inside, "csf_like")
    septum = soft(0.9 - x.abs(), 1.2) * soft(z - 8, 3) * soft(y + 26, 4) * soft(24 - y, 6) * soft(-wall, 1.0)
    canvas.paint(box, septum, "white")


def ventricles(job: Job) -> Tensor:
    """The ventricles themselves; a wet halo when fluid is under pressure."""
    canvas, box = job.canvas, job.canvas.cranium
    wall = canvas.ventricle_mm(box)
    _smooth_walls(job, box, wall)
    if job.lesion.stage == "obstructive":
        noise = box.noise((0, 0, 10), 130, 8, job.lesion.seed, "halo")
        halo = soft(2.5 + 4.5 * job.lesion.degree + noise - wall, 3.0) * soft(wall - 1.0, 1.0)
        halo = halo * canvas.region("white_matter", box)
        canvas.paint(box, halo * (0.2 + 0.6 * job.lesion.degree), "vasogenic_edema")
    return job.mask(box, (wall < WALL_MM) & (canvas.region("inside", box) > 0.5))


def atrophy(job: Job) -> Tensor:
    """Ventricles and sulci of the cerebrum."""
    canvas, box = job.canvas, job.canvas.cranium
    z = canvas.template_points(box)[2]
    wall = canvas.ventricle_mm(box)
    _smooth_walls(job, box, wall)
    csf = (canvas.region("csf", box) > 0.4) | (wall < WALL_MM)
    return job.mask(box, csf & (z > -20) & (canvas.depth_mm(box) > 0))


def _fill_gate(job: Job, place: Point, side: float) -> None:
    """Brain in the cistern that it was forced into: medial of the uncus, or around the medulla."""
    x, y, z = place
    middle: Point = (x - 8 * side, y + 2, z + 2) if side else (x, y + 6, z + 2)
    radius = 8 + 5 * job.lesion.degree
    box = job.canvas.box(middle, radius + 4)
    share = soft(radius - box.distance(middle), 3.0) * job.canvas.region("csf", box)
    if side:
        share = share * soft(side * box.x - 2 + 3 * job.lesion.degree, 3.0)
    job.canvas.paint(box, share * 0.95, "grey")


def geometry(job: Job) -> Tensor:
    """The region that is pressed or has moved: around the mass, at the septum, or at the gate of a herniation."""
    canvas = job.canvas
    box = canvas.cranium
    inside = canvas.region("inside", box) > 0.5
    if job.lesion.diagnosis == "structural_midline_shift":
        x, y, z = canvas.template_points(box)
        near = (x.abs() < 7) & (y > -45) & (y < 45) & (z > -8) & (z < 34)
        return job.mask(box, near & inside)
    if job.lesion.diagnosis == "structural_brain_herniation":
        s = sign(job.lesion)[0]
        side: Side = "left" if s > 0 else "right"
        site, reach = {"tonsillar": ("foramen_magnum", 16.0), "subfalcine": ("cingulate", 22.0)}.get(
            job.lesion.stage or "uncal", ("temporal_uncus", 16.0)
        )
        place = job.at(site, "midline" if site == "foramen_magnum" else side)
        if site != "cingulate":
            _fill_gate(job, place, s if site == "temporal_uncus" else 0.0)
        return job.mask(box, (box.distance(place) < reach) & inside)
    radius = max(job.cause.size_mm / 2, 12.0)
    if job.cause.diagnosis == "trauma_subdural_hematoma":
        x, y, z = canvas.template_points(box)
        s = sign(job.lesion)[0]
        depth = canvas.depth_mm(box)
        return job.mask(
            box, inside & (s * x > 8) & (z > -5) & (depth > job.cause.size_mm) & (depth < job.cause.size_mm + 22)
        )
    far = box.distance(job.centre)
    return job.mask(box, inside & (far < radius + 14) & (far > 0.8 * radius))
