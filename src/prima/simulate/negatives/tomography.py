"""Computed tomography of a simulated head, in Hounsfield units of its tissues.

Values are the usual ones of textbooks (Kalender, *Computed Tomography*, 3rd ed., ch. 1); bone is mixed of cortex and
marrow by the resampling.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import torch

from prima.simulate.anatomy.build_head import build_head
from prima.simulate.anatomy.head import TISSUE_NAMES
from prima.simulate.geometry.grid import Grid
from prima.simulate.geometry.stack_geometry import stack_affine
from prima.simulate.geometry.streams import seed_of, stream
from prima.simulate.negatives.stacks import StoredStack
from prima.simulate.negatives.tomographs import CT_SLICES_MM, Tomograph
from prima.simulate.people.case import Case, Person, Sex, Visit
from prima.simulate.scanner.noise import normal_like
from prima.simulate.scanner.profile import make_resampling
from prima.study.affine import Affine

HOUNSFIELD: dict[str, float] = {
    "csf": 6.0, "gm": 39.0, "wm": 29.0, "deep_gm": 37.0, "bone": 1050.0, "marrow_fat": 260.0, "fat": -95.0,
    "muscle": 55.0, "skin": 45.0, "air": -1000.0, "vitreous": 10.0, "lens": 75.0, "arterial_blood": 45.0,
    "venous_blood": 55.0, "dura": 60.0, "pituitary": 45.0, "choroid": 45.0, "nasal_mucosa": 40.0,
}  # fmt: skip
CONTRAST_AGENT = {"arterial_blood": 320.0, "venous_blood": 180.0, "choroid": 110.0, "pituitary": 120.0, "dura": 100.0}


def scan_ct(subkind: str, tomograph: Tomograph, *key: int | str) -> tuple[StoredStack, ...]:
    """The series of a CT examination of the head, with a kernel for the brain and one for bone."""
    random = stream(*key, "pose")
    head = build_head(healthy_case(random, seed_of(*key, "person")), spacing_mm=2.0)
    table = HOUNSFIELD | (CONTRAST_AGENT if subkind == "head_ct_contrast" else {})
    values = torch.tensor([table[name] for name in TISSUE_NAMES]) - HOUNSFIELD["air"]
    image = (values @ head.fractions.reshape(len(TISSUE_NAMES), -1)).reshape(head.grid.shape)
    thin = subkind == "facial_ct"
    tilt = 0.0 if thin else float(random.uniform(-18, 3))
    middle = (0.0, 5.0, -45.0 if thin else 15.0)
    stacks = []
    for index, step in enumerate(CT_SLICES_MM[subkind]):
        view = float(random.uniform(210, 250))
        shape = (round(150 / step), 256, 256)
        spacing = (step, view / 256, view / 256)
        affine = stack_affine("axial", shape, spacing, middle, tilt)
        stacks.append(_reconstruct(image, head.grid, affine, (shape, spacing), tomograph, index > 0, (*key, index)))
    return tuple(stacks)


def _reconstruct(  # noqa: PLR0917 - what one reconstruction needs
    image: torch.Tensor,
    grid: Grid,
    affine: Affine,
    size: tuple[tuple[int, int, int], tuple[float, float, float]],
    tomograph: Tomograph,
    sharp: bool,
    key: tuple[int | str, ...],
) -> StoredStack:
    """One stack in Hounsfield units; the image is 0 in air, so that what lies outside of the grid is air too."""
    shape, spacing = size
    resampling = make_resampling(
        grid.affine, grid.shape, affine, shape, thickness_mm=spacing[0], pixel_mm=spacing[1] * (1 if sharp else 2)
    )
    slices = resampling(image)
    random = stream(*key, "image")
    _holder(slices, spacing[1])
    sigma = (30.0 if sharp else 5.0) * float(random.uniform(0.7, 1.6))
    slices += normal_like(slices, random, interpolation=1.0 if sharp else 2.0) * sigma
    slices += HOUNSFIELD["air"]
    rows = torch.arange(shape[1]) - (shape[1] - 1) / 2
    outside = torch.hypot(rows[:, None], rows[None, :]) > shape[1] / 2
    slices[:, outside] = tomograph.padding
    stored = (slices.round_().clamp_(-3024, 3071) + 1024).to(torch.int16).numpy()
    return StoredStack(
        role="ct", affine=affine, spacing_mm=spacing, thickness_mm=spacing[0], stored=stored, intercept=-1024.0
    )


def _holder(image: torch.Tensor, pixel_mm: float) -> None:
    """The cup that holds the head: two thin arcs behind it."""
    size = image.shape[1]
    y, x = (torch.arange(size)[:, None] - size / 2) * pixel_mm, (torch.arange(size)[None, :] - size / 2) * pixel_mm
    far = torch.hypot(x, y + 18)
    for radius, value in ((121.0, 500.0), (128.0, 350.0)):
        image += value * ((far - radius).abs() < 1.2) * (y > 40)


def healthy_case(random: np.random.Generator, seed: int) -> Case:
    """Somebody with a healthy head."""
    sex: Sex = "F" if random.random() < 0.5 else "M"
    age = float(random.uniform(20, 85))
    day = datetime(2024, 1, 1)
    person = Person(
        patient_id="NEG", sex=sex, birth_year=day.year - int(age), race_ethnicity="unknown", insurance="unknown",
        county_population=0, rural=False, seed=seed,
    )  # fmt: skip
    visit = Visit(
        site="", patient_class="outpatient", ordered=day, scanned=day, reported=day, description="", indication=""
    )
    return Case(
        index=0, seed=seed, study_uid="", accession="", person=person, age_years=age, visit=visit, scanner="prisma_1",
        protocol="brain_without",
    )  # fmt: skip
