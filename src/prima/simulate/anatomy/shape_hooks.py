"""What lesions do to the shape of a brain: displacements as pull-backs, body mm to body mm.

A mass at distance r from its centre brings to r what lay nearer: the tissue around it is pushed away. Every map keeps
its folds apart (positive Jacobian): amounts too large for their reach are cut, or the reach is lengthened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from prima.simulate.geometry.fields import step
from prima.simulate.people.case import Side

Hook = Callable[[Tensor], Tensor]

# Regions scaled about a centre: the site and the radius in which they are scaled.
SCALED: dict[str, tuple[str, float]] = {
    "posterior_fossa": ("fourth_ventricle", 42.0),
    "fourth_ventricle": ("fourth_ventricle", 16.0),
    "third_ventricle": ("third_ventricle", 14.0),
    "cerebellum": ("vermis", 36.0),
    "vermis": ("vermis", 22.0),
    "brainstem": ("pons", 20.0),
    "pons": ("pons", 16.0),
    "pituitary": ("sella", 9.0),
}
# What sinks: the site, the radius that takes part, and how much it also moves to the midline.
SINKS: dict[str, tuple[str, float, float]] = {
    "tonsils": ("cerebellar_tonsil", 16.0, 0.15),
    "uncus": ("temporal_uncus", 15.0, 0.8),
    "brainstem": ("pons", 38.0, 0.0),
}


def _column(vector: Tensor, like: Tensor) -> Tensor:
    return vector.view(3, *[1] * (like.ndim - 1)).to(like)


def push(centre_mm: Tensor, radius_mm: float, amount_mm: float, reach_mm: float) -> Hook:
    """What lay at radius - amount comes to the radius; no effect beyond radius + reach."""
    amount = min(amount_mm, 0.85 * radius_mm)
    reach = max(reach_mm, 2.2 * amount)

    def pull(points: Tensor) -> Tensor:
        away = points - _column(centre_mm, points)
        far = away.square().sum(0).sqrt().clamp(min=1e-3)
        outside = (1 - (far - radius_mm) / reach).clamp(0, 1).square()
        move = torch.where(far < radius_mm, far / radius_mm, outside) * amount
        return points - away / far * move

    return pull


def swell(centre_mm: Tensor, radius_mm: float, factor: float) -> Hook:
    """Volume within a radius changes by a factor; beyond, the change fades within as much again."""
    linear = factor ** (1 / 3)

    def pull(points: Tensor) -> Tensor:
        away = points - _column(centre_mm, points)
        far = away.square().sum(0).sqrt()
        moved: Tensor = points + away * (1 / linear - 1) * step(2 - far / radius_mm)
        return moved

    return pull


def shift(septum_mm: Tensor, amount_mm: float, side: Side, reach_mm: float) -> Hook:
    """The midline at the septum moves away from a side; the falx above, skull and posterior fossa stay."""
    towards = -1.0 if side == "left" else 1.0
    reach = max(reach_mm, 2.0 * amount_mm)

    def pull(points: Tensor) -> Tensor:
        x, y, z = points - _column(septum_mm, points)
        across = step((reach - (x.abs() - 16).clamp(min=0)) / reach)
        along = torch.exp(-(y / 52).square().square())
        up = step((44 - z) / 34) * step((z + 46) / 36)
        moved = points.clone()
        moved[0] -= towards * amount_mm * across * along * up
        return moved

    return pull


def sink(centres_mm: Sequence[Tensor], radius_mm: float, amount_mm: float, inwards: float) -> Hook:
    """What lay above comes down by an amount, at the centres the most; `inwards` is the share towards the midline."""
    amount = min(amount_mm, 0.8 * radius_mm)

    def pull(points: Tensor) -> Tensor:
        shares = []
        for centre in centres_mm:
            x, y, z = points - _column(centre, points)
            far = (x.square() + y.square() + ((z + amount / 2) / 1.6).square()).sqrt()
            shares.append(step(1.25 - far / radius_mm))
        share = torch.stack(shares).amax(0)
        moved = points.clone()
        moved[2] += amount * share
        moved[0] += amount * share * inwards * (points[0] / 6).clamp(-1, 1)
        return moved

    return pull


def lock(cavity_mm: Tensor) -> Tensor:
    """How far lesions may move things, by depth under the skull: the surface holds, 14 mm below it all moves."""
    share: Tensor = 0.25 + 0.75 * step((1 - cavity_mm) / 15)
    return share
