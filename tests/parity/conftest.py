"""The golden study: a small published-form checkpoint, a study of eight series and what the reference made of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from prima.model.convert.convert import convert
from prima.model.release.folder import Release, load_release
from prima.predict.sources import find_studies
from prima.study import Study
from prima.tokens.patches import Patches, cut_patches
from prima.tokens.resample import OrientedVolume, orient

STUDY_DESCRIPTION = "MRI BRAIN WO AND W CONTRAST"


@dataclass(frozen=True, kw_only=True, eq=False)
class Golden:
    """What the reference left: `arrays` by name, `series` facts, `logits` by kind and head."""

    folder: Path
    arrays: dict[str, NDArray[Any]]
    series: list[dict[str, Any]]
    logits: dict[str, dict[str, float]]

    def of_series(self, name: str) -> list[NDArray[Any]]:
        """The array `s<i>_<name>` of every series."""
        return [self.arrays[f"s{index}_{name}"] for index in range(len(self.series))]


@pytest.fixture(scope="session")
def golden(shared: Path) -> Golden:
    folder = shared / "data" / "golden"
    outputs = folder / "outputs"
    with np.load(outputs / "golden.npz") as file:
        arrays = {name: file[name] for name in file}
    values = json.loads((outputs / "logits.json").read_text(encoding="utf-8"))
    meta = json.loads((outputs / "golden_meta.json").read_text(encoding="utf-8"))
    return Golden(folder=folder, arrays=arrays, series=meta["series"], logits=values)


@pytest.fixture(scope="session")
def release_folder(golden: Golden, tmp_path_factory: pytest.TempPathFactory) -> Path:
    checkpoints = golden.folder / "ckpt"
    return convert(checkpoints / "full.pt", checkpoints / "vqvae.pth", tmp_path_factory.mktemp("golden") / "release")


@pytest.fixture(scope="session")
def release(release_folder: Path) -> Release:
    return load_release(release_folder)


@pytest.fixture(scope="session")
def study(golden: Golden) -> Study:
    (source,) = find_studies(golden.folder / "study", keep_all=True).studies
    return source.read()


@pytest.fixture(scope="session")
def volumes(study: Study, release: Release) -> list[OrientedVolume]:
    return [orient(series.volume, release.manifest.contract) for series in study.series]


@pytest.fixture(scope="session")
def patches(volumes: list[OrientedVolume], release: Release) -> list[Patches]:
    return [cut_patches(volume, release.manifest.contract) for volume in volumes]
