"""Masses: layers around a centre, on the dura, in the ear canal, cyst with nodule, sellar, and edema around them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from prima.simulate.geometry.streams import stream
from prima.simulate.pathology.box import Box, Point, soft
from prima.simulate.pathology.forms_vascular import petechiae
from prima.simulate.pathology.job import Job


def layers(job: Job) -> Tensor:
    """A mass of layers; a clot of another lesion lies beside it or in it, that of an infarct is petechial."""
    if job.lesion.site.endswith("_territory"):
        return petechiae(job)
    box, inside = job.body()
    if (
        job.cause.diagnosis == "vascular_malformation_arteriovenous_malformation"
        and job.lesion.diagnosis != job.cause.diagnosis
    ):
        away = stream(job.lesion.seed, "beside").uniform(-1, 1, 3)
        reach = 0.7 * (job.radius + job.cause.size_mm / 2) / max(float((away**2).sum()) ** 0.5, 1e-6)
        x, y, z = (c + reach * float(d) for c, d in zip(job.centre, away, strict=True))
        box, inside = job.body(centre=(x, y, z))
    job.layers(box, inside, job.pattern.layers_at(job.lesion.stage))
    return _visible_mask(job, inside, box)


def _visible_mask(job: Job, inside: Tensor, box: Box) -> Tensor:
    shown = torch.where(job.region("inside", box) > 0.3, inside, inside + 9)
    return job.mask(box, shown < max(1.0, float(shown.min()) + 1e-6))  # one voxel at least, on any grid


def dural_mass(job: Job) -> Tensor:
    """A mass with a flat base on the dura, and the tail of thick dura around it."""
    box, inside = job.body(reach=2.0)
    job.layers(box, inside, job.pattern.layers_at(job.lesion.stage))
    depth = job.canvas.depth_mm(box)
    tail = soft(2.8 - (depth - 1.4).abs() * 1.6, 2.0) * soft(1.75 - inside, 0.4) * soft(inside - 0.9, 0.2)
    if job.lesion.site in {"convexity", "middle_fossa", "planum_sphenoidale"}:
        job.canvas.paint(box, tail * 0.8, "thick_dura")
    return _visible_mask(job, inside, box)


def schwannoma(job: Job) -> Tensor:
    """The ball in the cistern, and the stem in the canal."""
    side = job.lesion.side
    canal = job.at("internal_auditory_canal", side)
    outward = 1.0 if side == "left" else -1.0
    end: Point = (canal[0] + 9 * outward, canal[1] - 1, canal[2])
    subtle = job.lesion.subtlety == 3
    x, y, z = job.centre
    medial = 0.5 * max(job.radius - 8, 0)
    middle: Point = canal if subtle else (x - medial * outward, y + 0.3 * medial, z)
    box, inside = job.body(centre=middle, radius=job.radius * (0.8 if subtle else 1.0), reach=2.0)
    stem_mm = 2.4 + 0.08 * job.radius
    stem = box.segment(middle, end) / stem_mm
    joined = torch.minimum(inside, stem)
    job.layers(box, joined, job.pattern.layers_at(job.lesion.stage))
    return job.mask(box, joined < 1)


def cyst_nodule(job: Job) -> Tensor:
    """A cyst with a nodule in its wall."""
    box, inside = job.body()
    job.layers(box, inside, job.pattern.layers_at(None))
    turn = float(stream(job.lesion.seed, "nodule").uniform(-0.95 * math.pi, -0.05 * math.pi))
    reach = 0.62 * job.radius
    x, y, z = job.centre
    middle: Point = (x + reach * math.cos(turn), y + reach * math.sin(turn), z + 0.1 * reach)
    small = max(0.42 * job.radius, 3.0)
    near, nodule = job.body(radius=small, centre=middle, tag="nodule")
    job.layers(near, nodule, job.pattern.layers["nodule"], radius=small, tag="nodule")
    return _visible_mask(job, inside, box) | job.mask(near, nodule < 1)


def adenoma(job: Job) -> Tensor:
    """A spot in the gland, or a snowman that grows out of the sella."""
    if job.lesion.stage == "micro":
        x, y, z = job.centre
        aside = float(stream(job.lesion.seed, "aside").choice([-1.0, 1.0])) * 3.0
        box, inside = job.body(centre=(x + aside, y, z))
    else:
        x, y, z = job.centre
        low, high = job.body(reach=2.2, centre=(x, y, z)), 0.72 * job.radius
        box = low[0]
        lower = box.distance((x, y, z + 0.05 * job.radius)) / high
        upper = box.distance((x, y - 0.1 * job.radius, z + 0.95 * job.radius)) / (0.85 * high)
        inside = torch.minimum(lower, upper) * (
            1 + 0.08 * box.noise(job.centre, 2.5 * job.radius, 7.0, job.lesion.seed, "snow")
        )
    job.layers(box, inside, job.pattern.layers_at(job.lesion.stage))
    return _visible_mask(job, inside, box)


def edema(job: Job) -> Tensor:
    """Fingers of wet white matter around a mass; cortex and deep gray matter hold out."""
    size = job.lesion.size_mm or 2.2 * max(job.cause.size_mm, 15.0)
    radius = size / 2
    box = job.canvas.box(job.centre, 1.5 * radius)
    reach = box.distance(job.centre) / radius
    reach = reach + 0.22 * box.noise(job.centre, 2 * radius, max(0.45 * radius, 6), job.lesion.seed, "edema")
    white = job.canvas.region("white_matter", box)
    share = soft(1 - reach, 0.3) * soft(white - 0.4, 0.5)
    job.canvas.paint(box, share * (0.5 + 0.5 * job.lesion.degree), "vasogenic_edema")
    return job.mask(box, share > 0.35)
