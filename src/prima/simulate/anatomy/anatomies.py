"""The real heads of a folder, of which each simulated person gets one: by age, with the shape of another mixed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from prima.errors import UsageError
from prima.simulate.anatomy.label_map import read_label_map, sha256_of
from prima.simulate.anatomy.label_template import template_of
from prima.simulate.anatomy.template import Template
from prima.simulate.geometry.lattice import Lattice
from prima.simulate.geometry.streams import stream
from prima.simulate.people.case import Case

SHARE_OF_TEMPLATE = 0.2
YOUNGEST_YEARS = 14.0
"""Younger people keep the packaged template, whose growth is modelled: label maps are of adults."""
TEMPLATE_VENTRICLES_ML = 18.0
"""Of the packaged template, a young adult's."""
_AGED = 0.6
_SPREAD = 0.25
_YEAR = 2024
_REACH_MM = 35.0
_SUFFIXES = (".nii", ".nii.gz", ".mgz")


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """One label map.

    Args:
        name: of its file.
        sha256: of its bytes.
        ventricles_ml: volume of all ventricles.
        path: where it lies; not part of what it is.
    """

    name: str
    sha256: str
    ventricles_ml: float
    path: Path = field(repr=False, compare=False)

    def template(self) -> Template:
        """As a template; made once a process."""
        return _template(self.path)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a person's head is made of: a label map, and another whose shape is mixed in by a share."""

    anatomy: Anatomy
    towards: Anatomy
    share: float

    @property
    def own_ventricles(self) -> float:
        """By what the size that age and chance give to ventricles is multiplied: a real head has its own, mostly."""
        return float((TEMPLATE_VENTRICLES_ML / self.anatomy.ventricles_ml) ** _AGED)


@dataclass(frozen=True, kw_only=True)
class Anatomies:
    """Label maps in order of the size of their ventricles, which grow with age."""

    heads: tuple[Anatomy, ...]

    def choice(self, case: Case) -> Choice | None:
        """The label map of a case's person, the same at every examination; None when it is the packaged template."""
        random = stream(case.person.seed, "choice of anatomy")
        packaged = random.random() < SHARE_OF_TEMPLATE
        shift, mixed = float(random.standard_normal()), float(random.uniform(0, 0.8))
        other = self.heads[int(random.integers(len(self.heads)))]
        if packaged or case.age_years < YOUNGEST_YEARS:
            return None
        age = _YEAR - case.person.birth_year  # of one day for all visits, so that a person keeps the head
        place = np.clip((age - 25) / 60 + _SPREAD * shift, 0, 0.999)
        return Choice(anatomy=self.heads[int(place * len(self.heads))], towards=other, share=mixed)


def read_anatomies(folder: Path) -> Anatomies:
    """The label maps of a folder, each checked.

    Raises:
        UsageError: the folder has none, or one is no label map of a head.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; expected label maps of heads as NIfTI or .mgz")
    paths = sorted(path for path in folder.iterdir() if path.name.endswith(_SUFFIXES) and path.is_file())
    if not paths:
        raise UsageError(f"{folder}: found no label map; expected files of heads as NIfTI or .mgz")
    heads = [
        Anatomy(
            name=path.name, sha256=sha256_of(path), path=path,
            ventricles_ml=round(read_label_map(path).volume_ml(inside="ventricle"), 1),
        )
        for path in paths
    ]  # fmt: skip
    return Anatomies(heads=tuple(sorted(heads, key=lambda head: (head.ventricles_ml, head.sha256))))


@lru_cache(maxsize=32)
def _template(path: Path) -> Template:
    return template_of(read_label_map(path))


def towards(choice: Choice, lattice: Lattice) -> Tensor:
    """[3, d, h, w] displacement at nodes: a share of the shape of the other head, smooth between landmarks."""
    own, other = (head.template().labels for head in (choice.anatomy, choice.towards))
    if own is None or other is None:
        raise ValueError("an anatomy has no labels")
    both = ~(own.landmarks_mm.isnan() | other.landmarks_mm.isnan()).any(1)
    from_mm, to_mm = other.landmarks_mm[both], own.landmarks_mm[both]
    kernel = _kernel(from_mm, from_mm) + 0.2 * torch.eye(len(from_mm))
    weights = torch.linalg.solve(kernel, to_mm - from_mm)
    points = lattice.points()
    moved: Tensor = _kernel(points.flatten(1).T, from_mm) @ weights
    return choice.share * moved.T.reshape(points.shape)


def _kernel(first: Tensor, second: Tensor) -> Tensor:
    return torch.exp(-torch.cdist(first, second).square() / (2 * _REACH_MM**2))
