"""How one person's head differs from the template: size, age, ventricles, sulci, asymmetry, and a random smooth rest.

Head growth after Nellhaus 1968 (circumference by age); ventricles and cortex by age after Scahill 2003 and Fjell 2009:
ventricles grow slowly to 60 and fast afterwards, the cortex thins; petalia (right frontal, left occipital) and the
wider left ventricle after Toga and Thompson 2003.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from prima.simulate.geometry.fields import integrate, random_field, step
from prima.simulate.geometry.lattice import Lattice
from prima.simulate.geometry.streams import stream
from prima.simulate.people.case import Case


@dataclass(frozen=True, kw_only=True)
class PersonShape:
    """Numbers of one person at one age.

    Args:
        scale: size along (x, y, z), 1 the template's.
        face: size of the face below the skull base, 1 an adult's.
        ventricles: volume, 1 the template's (a young adult's).
        openness: how much wider than the template's the sulci stand: 0 young, 1 marked atrophy.
        fat_mm: thickness of the fat under the scalp.
        skull_mm: thickness of the skull.
        angles_deg: pose about (x, y, z).
        shift_mm: pose along (x, y, z).
    """

    scale: tuple[float, float, float]
    face: float
    ventricles: float
    openness: float
    fat_mm: float
    skull_mm: float
    angles_deg: tuple[float, float, float]
    shift_mm: tuple[float, float, float]


# The template is larger than people are (Lancaster 2007): the mean adult against it, along (x, y, z).
_MEAN_ADULT = np.array([0.945, 0.955, 0.955])


def person_shape(case: Case) -> PersonShape:
    """What the person's seed, age and sex make of the template; the pose is the examination's own."""
    rng = stream(case.person.seed, "anatomy")
    pose = stream(case.seed, case.index, "pose")
    age = max(case.age_years, 0.0)
    growth = 1 - 0.30 * float(np.exp(-age / 0.9)) - 0.055 * float(np.exp(-age / 6.0))
    sex = 0.972 if case.person.sex == "F" else 1.012
    scale = (
        growth
        * sex
        * (1 + 0.02 * rng.standard_normal(4).clip(-2, 2)[0])
        * (1 + 0.022 * rng.standard_normal(3).clip(-2, 2))
    )
    scale = scale * _MEAN_ADULT
    late = max(age - 30, 0) / 50
    spread = rng.standard_normal(5).clip(-2.2, 2.2)
    ventricles = (0.78 + 0.25 * late + 0.75 * late**2.5) * float(np.exp(0.26 * spread[0]))
    openness = 0.62 * late**1.3 - 0.06 + 0.13 * float(spread[0] * 0.4 + spread[1]) * (0.4 + late)
    angles = pose.standard_normal(3).clip(-2, 2) * (4.0, 2.0, 3.0) + (2.0, 0.0, 0.0)
    shift = pose.standard_normal(3).clip(-2, 2) * (2.0, 2.0, 2.0)
    return PersonShape(
        scale=(float(scale[0]), float(scale[1]), float(scale[2])),
        face=1 - 0.38 * float(np.exp(-age / 6.0)),
        ventricles=max(ventricles, 0.45),
        openness=openness,
        fat_mm=float(np.clip(3.0 + 1.2 * spread[2], 1.2, 6.0)) * (0.7 if age < 12 else 1.0),
        skull_mm=float(np.clip(6.6 + 0.9 * spread[3], 4.5, 9.0)) * (1 - 0.65 * float(np.exp(-age / 5.0))),
        angles_deg=(float(angles[0]), float(angles[1]), float(angles[2])),
        shift_mm=(float(shift[0]), float(shift[1]), float(shift[2])),
    )


def pose_back(points: Tensor, person: PersonShape) -> Tensor:
    """Points of the scanner [3, …] in the head's own upright frame."""
    x, y, z = (np.deg2rad(angle) for angle in person.angles_deg)
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    turn = torch.from_numpy((about_z @ about_y @ about_x).T.astype(np.float32))
    middle = torch.tensor([0.0, 12.0, -10.0])[:, None]
    flat = points.reshape(3, -1) - torch.tensor(person.shift_mm)[:, None] - middle
    return (turn @ flat + middle).view(points.shape)


def unscale(points: Tensor, person: PersonShape) -> Tensor:
    """Points of the body [3, …] on an adult of the template's size."""
    scaled = points / torch.tensor(person.scale).view(3, *[1] * (points.ndim - 1))
    low = scaled[2] + 30
    scaled[2] = torch.where(low < 0, low / person.face - 30, scaled[2])
    front = scaled[1] + 60
    share = step(-low / 20) * (1 / person.face - 1)
    scaled[1] = torch.where(front < 0, front * (1 + share) - 60, scaled[1])
    return scaled


def individual(case: Case, target: Lattice) -> Tensor:
    """[3, d, h, w] smooth displacement that makes a person of the template: random, with modelled asymmetry."""
    lattice = Lattice.of_head(8.0)
    rng = stream(case.person.seed, "diffeomorphism")
    wide = random_field(lattice, 3, 84.0, rng) * 3.0
    fine = random_field(lattice, 3, 22.0, rng) * 1.7
    x, y, z = lattice.points()
    deep = step(4 - 4 * ((x / 70).square() + ((y - 16) / 90).square() + ((z - 4) / 78).square()).sqrt())
    fine = fine * (0.15 + 0.85 * deep)  # a skull is smooth, whatever lies in it
    petalia = (1.6 + 0.8 * float(rng.standard_normal())) * torch.sin((y / 90).clamp(-1, 1) * 1.57) * step((z + 40) / 30)
    velocity = wide + fine
    velocity[1] += torch.where(x > 0, -petalia, petalia) * (x.abs() / 30).clamp(max=1) * 0.6
    velocity[0] += 0.5 * float(rng.standard_normal()) * torch.sin(y / 40)  # a midline that is not quite straight
    calm = 1 - 0.5 * step((-70 - z) / 30)
    return lattice.at(integrate(velocity * calm, lattice), target.points())
