"""Studies made up of random numbers, in which a finding is plain to see: small, and made in no time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from prima.study.ontology import DIAGNOSIS_NAMES
from prima.tokens.batch import SeriesTokens, StudyTokens
from prima.tokens.contract import OPEN
from prima.train.data.dense_targets import DenseTargets
from prima.train.data.patch_file import StudyPatches, write_patches
from prima.train.data.token_folder import StudyFacts, write_part

MENINGIOMA = "tumor_adult_meningioma"
NUMBER = DIAGNOSIS_NAMES.index(MENINGIOMA)
NAMES = ("AX_T1", "AX_T2_FLAIR", "SAG_T1")


def facts_of(side: str, number: int) -> StudyFacts:
    """Every other study shows a meningioma, which is urgent."""
    ill = number % 2 == 0
    return StudyFacts(
        study_uid=f"1.2.{len(side)}.{number}",
        patient=f"SIM{len(side)}-{number}",
        present=(MENINGIOMA,) if ill else (),
        priority="high" if ill else "none",
        referrals=("neurosurgery",) if ill else (),
        sentences=(f"A meningioma of {number + 10} mm.", "No shift of the midline.") if ill else (),
        indication="Headache.",
    )


def tokens_of(facts: StudyFacts, random: np.random.Generator, *, width: int, per_series: int = 12) -> StudyTokens:
    """Three series; what a study shows lies in the first channel, what a series is called in the next three."""
    series = []
    for place, name in enumerate(NAMES):
        latents = torch.from_numpy(random.normal(0, 0.3, (per_series, width))).to(torch.bfloat16)
        latents[:, 0] += 2.0 if facts.present else -2.0
        latents[:, 1 + place] += 2.0
        coordinates = torch.from_numpy(random.integers(0, 32, (per_series, 3)) * [2, 16, 16]).to(torch.int32)
        plane = "sagittal" if name.startswith("SAG") else "axial"
        series.append(
            SeriesTokens(latents=latents, coordinates=coordinates, plane=plane, name=name, num_patches=2 * per_series)
        )
    return StudyTokens(series=tuple(series), description="MRI BRAIN")


def token_source(folder: Path, *, width: int = 64, train: int = 16, validation: int = 10, masks: bool = False) -> Path:
    """A folder with train/ and validation/ of tokens, each in two parts."""
    for side, num in (("train", train), ("validation", validation)):
        random = np.random.default_rng(len(side))
        every = [facts_of(side, number) for number in range(num)]
        for part, some in enumerate((every[: num // 2], every[num // 2 :])):
            studies = [(one, tokens_of(one, random, width=width), dense_of(one) if masks else None) for one in some]
            write_part(folder / side, f"{part:03d}", studies, {"contract": json.dumps(OPEN.to_json())})
    return folder


def dense_of(facts: StudyFacts) -> DenseTargets:
    """The finding fills the first token of the study."""
    found = [0] if facts.present else []
    return DenseTargets(
        token=np.array(found, np.int32),
        diagnosis=np.array([NUMBER] * len(found), np.uint8),
        share=np.array([255] * len(found), np.uint8),
    )


def patch_source(folder: Path, *, train: int = 4, validation: int = 2, masks: bool = False) -> Path:
    """A folder with train/ and validation/ of patches."""
    for side, num in (("train", train), ("validation", validation)):
        random = np.random.default_rng(len(side))
        for number in range(num):
            write_patches(patches_of(facts_of(side, number), random, masks=masks), folder / side / f"{number:05d}.npz")
    return folder


def patches_of(
    facts: StudyFacts, random: np.random.Generator, *, masks: bool = False, shape: Sequence[int] = (2, 16, 16)
) -> StudyPatches:
    """Two series of thirty patches: smooth, so that there is something to compress."""
    coarse = random.integers(0, 255, (60, shape[0], shape[1] // 8, shape[2] // 8))
    return StudyPatches(
        voxels=coarse.repeat(8, axis=2).repeat(8, axis=3).astype(np.uint8),
        coordinates=(random.integers(0, 32, (60, 3)) * list(shape)).astype(np.int16),
        offsets=np.array([0, 30, 60]),
        planes=np.array([0, 2], np.uint8),
        names=NAMES[:2],
        description="MRI BRAIN",
        num_patches=(60, 60),
        dense=dense_of(facts) if masks else None,
        facts={"study_uid": facts.study_uid, "patient": facts.patient},
    )
