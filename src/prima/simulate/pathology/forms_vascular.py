"""Vessels: territories of infarction, blood in ventricles and cisterns, tangles of vessels, vessels lost."""

from __future__ import annotations

import torch
from torch import Tensor

from prima.simulate.geometry.streams import stream
from prima.simulate.pathology.box import Box, Point, soft
from prima.simulate.pathology.job import Job
from prima.simulate.pathology.place import sign

_BLOOD = {"acute": "blood_acute", "early subacute": "blood_early_subacute", "late subacute": "blood_late_subacute"}


def _territory(job: Job) -> tuple[Box, Tensor]:
    """Share of an artery's territory that is lost: a wedge with its point at the artery, ragged at its borders."""
    canvas, box = job.canvas, job.canvas.cranium
    x, y, z = canvas.template_points(box)
    s = sign(job.lesion)[0]
    side = soft(s * x - 1.0, 2.0)
    wobble = 4.5 * box.noise((0, 0, 0), 130, 15, job.cause.seed, "border")
    wobble = wobble + 2.5 * box.noise((0, 0, 0), 130, 6, job.cause.seed, "fringe")
    aside = s * x
    if job.lesion.site == "aca_territory":
        inside = soft(19 + wobble - aside, 4.0) * soft(26 - y + wobble, 6.0) * soft(z + 18, 6)
        centre = (10.0, -30.0, 34.0)
    elif job.lesion.site == "pca_territory":
        behind = soft(y - 56 + wobble, 6.0) * soft(52 - aside + wobble, 6.0)
        below = soft(-6 - z + wobble * 0.4, 5.0) * soft(40 - aside, 6) * soft(y - 24 + wobble, 6)
        inside = torch.maximum(behind, below) * soft(36 - z + wobble, 6) * soft(z + 22, 3)
        centre = (18.0, 78.0, 4.0)
    else:
        apex = (
            17 + 0.42 * (y - 6).abs() + 0.25 * (z - 20).abs()
        )  # a wedge: narrow at the ventricle, wide at the surface
        inside = soft(aside - apex + wobble, 4.0) * soft(z + 24, 6) * soft(62 - z + wobble, 6)
        centre = (46.0, 6.0, 18.0)
    above = soft(z + 20 + 0.25 * (y - 40).clamp_min(0), 3.0)  # not the cerebellum
    reach = ((aside - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2).sqrt()
    inside = inside * side * above * soft(0.62 * job.lesion.size_mm + wobble - reach, 9.0)
    return box, inside


def territory(job: Job) -> Tensor:
    """An infarct, by age; the cortex lights up a little more than the white matter."""
    canvas = job.canvas
    box, share = _territory(job)
    brain, cortex = canvas.region("brain", box), canvas.region("cortex", box)
    grain = 1 + 0.1 * box.noise((0, 0, 0), 130, 6, job.lesion.seed, "grain")
    stage = job.lesion.stage or "acute"
    for layer in job.pattern.layers_at(stage):
        alpha = share * brain * (0.82 + 0.18 * cortex) * grain * job.fade
        if stage == "subacute":  # only the cortex enhances
            canvas.paint(box, alpha, "vasogenic_edema")
            alpha = alpha * soft(cortex - 0.4, 0.4)
        canvas.paint(box, alpha, layer.material)
    return job.mask(box, share * brain > 0.45)


def petechiae(job: Job) -> Tensor:
    """Spots of blood in the gray matter of an infarct."""
    canvas = job.canvas
    box, share = _territory(job)
    spots = box.noise((0, 0, 0), 130, 3.5, job.lesion.seed, "petechiae")
    alpha = share * canvas.region("brain", box) * soft(spots - 1.5 + 0.5 * job.lesion.degree, 0.6)
    canvas.paint(box, alpha * 0.9, "blood_acute")
    return job.mask(box, alpha > 0.4)


def cavity(job: Job) -> Tensor:
    """Brain lost: a hole of CSF in a gliotic rim, round or a whole territory."""
    if not job.lesion.site.endswith("_territory"):
        box, inside = job.body()
        job.layers(box, inside, job.pattern.layers_at(None))
        return job.mask(box, (inside < 1) & (job.canvas.region("inside", box) > 0.3))
    box, share = _territory(job)
    brain = job.canvas.region("brain", box)
    holes = box.noise((0, 0, 0), 130, 9, job.lesion.seed, "holes")
    hollow = soft(share - 0.55 + 0.12 * holes, 0.25) * soft(holes + 1.0, 0.6)
    job.canvas.paint(box, hollow * brain * job.fade, "csf_like")
    return job.mask(box, share * brain > 0.45)


def intraventricular(job: Job) -> Tensor:
    """Blood that sinks into the back of the ventricles of a patient who lies; much of it fills them."""
    canvas, box, degree = job.canvas, job.canvas.cranium, job.lesion.degree
    x, y, z = canvas.template_points(box)
    chosen = sum((soft(s * x + 4, 3.0) for s in sign(job.lesion)), torch.zeros(box.shape, device=x.device)).clamp(0, 1)
    room = _ventricles(job, box, x, y, z) * chosen
    wobble = box.noise((0, 20, 10), 120, 8, job.lesion.seed, "clot")
    level = soft(box.y - (52 - 42 * degree) + 0 * x, 1.5)
    cast = soft(wobble - (1.9 - 1.5 * degree), 0.5)
    blood = room * torch.maximum(level, cast)
    stage = _BLOOD.get(job.lesion.stage or "acute", "blood_acute")
    canvas.paint(box, room * 0.75 * (0.3 + 0.7 * degree), "bloody_csf")
    canvas.paint(box, blood, stage)
    return job.mask(box, blood > 0.4)


def _ventricles(job: Job, box: Box, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """CSF inside the lateral and third ventricle: deep, near the midline, above the base."""
    del x, y
    return job.canvas.region("csf", box) * soft(2.5 - job.canvas.ventricle_mm(box), 2.0) * soft(z + 22, 3)


def subarachnoid(job: Job) -> Tensor:
    """Blood in the CSF of cisterns and sulci: around the base after an aneurysm, over the convexity after trauma."""
    canvas, box, degree = job.canvas, job.canvas.cranium, job.lesion.degree
    x, y, z = canvas.template_points(box)
    csf = canvas.region("csf", box) * (1 - _ventricles(job, box, x, y, z))
    patchy = 0.2 * box.noise((0, 0, 0), 130, 14, job.lesion.seed, "blood")
    far = torch.full(box.shape, 9.0, device=x.device)
    for s in sign(job.lesion):
        spots: tuple[tuple[Point, Point], ...]
        if job.lesion.site == "suprasellar":
            spots = (((0, 4, -20), (26, 26, 14)), ((s * 38, -6, -8), (16, 18, 14)), ((0, -36, 0), (7, 24, 30)))
        elif job.lesion.site == "sylvian_fissure":
            spots = (((s * 44, -2, 0), (18, 26, 20)),) * 3
        else:
            spots = (((s * 44, -6, 50), (22, 36, 24)),) * 3
        for (px, py, pz), (rx, ry, rz) in spots:
            grown = 0.55 + 0.65 * degree
            far = torch.minimum(
                far, (((x - px) / rx) ** 2 + ((y - py) / ry) ** 2 + ((z - pz) / rz) ** 2).sqrt() / grown
            )
    share = csf * soft(1.25 - far + patchy, 0.4) * soft(canvas.depth_mm(box), 1.5)
    canvas.paint(box, share * (0.6 + 0.4 * degree), "bloody_csf")
    clots = share * soft(box.noise((0, 0, 0), 130, 5, job.lesion.seed, "clots") - 1.7 + 0.4 * degree, 0.6)
    canvas.paint(box, clots * 0.5, "blood_acute")
    return job.mask(box, share > 0.35)


def nidus(job: Job) -> Tensor:
    """A tangle of fast vessels, two wide feeders from below and a vein to the surface."""
    canvas = job.canvas
    box, inside = job.body(reach=1.3)
    body = soft(1 - inside, 0.25)
    canvas.paint(box, body * 0.45 * canvas.region("brain", box), "gliosis")
    seed, radius = job.lesion.seed, job.radius
    tubes = torch.zeros(box.shape, device=box.x.device)
    for index in range(3):  # where a smooth field crosses zero is a sheet, where two cross is a tube
        first, second = (box.noise(job.centre, 1.5 * radius + 10, 4.2, seed, "tube", index, part) for part in (0, 1))
        tubes = torch.maximum(tubes, soft(0.46 - (first**2 + second**2).sqrt(), 0.3))
    tangle = tubes * body
    canvas.paint(box, tangle, "fast_artery")
    mask = job.mask(box, inside < 1)
    s = 1.0 if job.centre[0] > 0 else -1.0
    _x, y, z = job.centre
    wide = 1.3 + 0.045 * radius
    willis = job.at("mca_m1" if z > -15 else "basilar_tip", job.lesion.side if z > -15 else "midline")
    up = job.at("superior_sagittal_sinus" if z > -15 else "torcula", "midline")
    drain: Point = (s * 6 + up[0], y + 14, up[2])
    ways = ((willis, job.centre, "fast_artery", wide), (job.centre, drain, "fast_vein", 1.5 * wide))
    for start, end, material, width in ways:
        middle = tuple((a + b) / 2 for a, b in zip(start, end, strict=True))
        half = max(abs(a - b) for a, b in zip(start, end, strict=True)) / 2 + 12
        near = canvas.box((middle[0], middle[1], middle[2]), half)
        bent = near.segment(start, end) + 2.2 * near.noise(
            (middle[0], middle[1], middle[2]), half * 1.8, 12, seed, material
        )
        canvas.paint(near, soft(width - bent.abs(), 1.5) * canvas.region("inside", near), material)
    return mask


def moyamoya(job: Job) -> Tensor:
    """The end of the carotid and the stem of the MCA gone, a puff of fine vessels, slow bright sulci, old infarcts."""
    canvas, box, degree = job.canvas, job.canvas.cranium, job.lesion.degree
    x, y, z = canvas.template_points(box)
    mask = torch.zeros(box.shape, dtype=torch.bool, device=x.device)
    key = job.lesion.seed
    fine = [box.noise((0, 0, 0), 120, 3.4, key, "puff", part) for part in (0, 1)]
    ivy = box.noise((0, 0, 0), 130, 8, key, "ivy")
    for s in sign(job.lesion):
        near = (((s * x - 20) / 22) ** 2 + ((y + 2) / 16) ** 2 + ((z + 15) / 8) ** 2).sqrt()
        lost = canvas.region("vessels", box) * soft(1.1 - near, 0.2) * soft(s * x - 1, 2)
        canvas.paint(box, lost * (0.5 + 0.5 * degree), "csf_like")
        puff = (((s * x - 19) / 14) ** 2 + ((y - 2) / 16) ** 2 + ((z - 0) / 14) ** 2).sqrt()
        dots = (
            soft(0.42 + 0.12 * degree - (fine[0] ** 2 + fine[1] ** 2).sqrt(), 0.25)
            * soft(1.05 - puff, 0.25)
            * soft(s * x - 2, 2)
        )
        canvas.paint(box, dots * (0.5 + 0.5 * degree), "fast_artery")
        csf = canvas.region("csf", box)
        over = csf * soft(s * x - 14, 6) * soft(z - 12, 6) * soft(ivy + 0.2, 0.8) * soft(canvas.depth_mm(box) - 1.5, 2)
        canvas.paint(box, over * 0.45 * degree, "leptomeninges")
        mask |= (dots > 0.3) | (lost > 0.3)
        if stream(key, "old", round(s)).random() < degree:
            patch = (((s * x - 28) / 5) ** 2 + ((y + 4) / 24) ** 2 + ((z - 34) / 7) ** 2).sqrt()
            old = soft(1 - patch + 0.3 * ivy, 0.4) * canvas.region("white_matter", box)
            canvas.paint(box, old * 0.85, "gliosis")
            mask |= old > 0.5
    return job.mask(box, mask)
