"""Features of a frozen model: the same one by one and together, kept with the studies that they are of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from prima.errors import TrainingError
from prima.model.networks.vision import HierarchicalViT
from prima.tokens.batch import pack
from prima.tokens.contract import OPEN
from prima.train.data.token_folder import TokenFolder
from prima.train.recipes import recipe_of
from prima.train.study.features import Features, features_of, labels_of, read_features, write_features

from ..made import NUMBER, token_source

CONFIG = replace(recipe_of("tiny").study.model.vision, token_width=8 + 33, evidence=52)


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> TokenFolder:
    return TokenFolder(token_source(tmp_path_factory.mktemp("tokens"), width=8) / "train")


@pytest.fixture(scope="module")
def vision() -> HierarchicalViT:
    torch.manual_seed(0)
    return HierarchicalViT(CONFIG).eval()


def made(studies: TokenFolder, vision: HierarchicalViT, **more: object) -> Features:
    return features_of(studies, vision, OPEN, **{"mode": "image+names", **more})  # type: ignore[arg-type]


def test_features_are_those_of_each_study_by_itself(studies: TokenFolder, vision: HierarchicalViT) -> None:
    seen: list[int] = []
    found = made(studies, vision, tokens_per_pass=100, on_studies=seen.append)
    assert seen == [2, 4, 6, 8, 10, 12, 14, 16]
    assert found.study_uids == studies.study_uids
    assert found.study.shape == (16, CONFIG.feature_dim)
    assert found.series_offsets.tolist() == list(range(0, 49, 3))
    for number in (0, 7, 15):
        with torch.no_grad():
            alone = vision(pack([studies.read(number).tokens], OPEN))
            joint = vision.project(alone.study)
        assert np.abs(found.study[number] - alone.study[0].numpy()).max() < 1e-4
        assert np.abs(found.joint[number] - joint[0].numpy()).max() < 1e-4
        assert np.abs(found.series[3 * number : 3 * number + 3] - alone.series.numpy()).max() < 1e-4


def test_labels_come_with_the_features(studies: TokenFolder, vision: HierarchicalViT) -> None:
    labels = made(studies, vision).labels
    assert labels.patients == studies.patients
    assert labels.diagnoses[:, NUMBER].tolist() == [1, 0] * 8
    assert labels.priority.tolist() == [3, 0] * 8
    known = labels_of(studies.facts)
    assert np.array_equal(known.diagnoses, labels.diagnoses)
    assert np.array_equal(known.referrals, labels.referrals)


def test_the_mode_decides_what_is_seen(studies: TokenFolder, vision: HierarchicalViT) -> None:
    modes = [made(studies, vision, mode=mode).study for mode in ("image", "image+names", "image+names+indication")]
    assert np.abs(modes[0] - modes[1]).max() > 1e-4
    assert np.abs(modes[1] - modes[2]).max() > 1e-4


def test_a_feature_that_is_no_number_names_its_study(studies: TokenFolder, vision: HierarchicalViT) -> None:
    spoilt = HierarchicalViT(CONFIG)
    spoilt.load_state_dict(vision.state_dict())
    spoilt.study.norm.bias.data[0] = float("nan")
    with pytest.raises(TrainingError, match=r"features of study 1\.2\.5\.0: found a value that is not finite"):
        made(studies, spoilt)


def test_no_study_is_an_error(vision: HierarchicalViT, studies: TokenFolder) -> None:
    with pytest.raises(TrainingError, match="found no study"):
        made(TokenFolder(studies.folder, only=[]), vision)


def test_features_are_kept_for_the_studies_they_are_of(
    studies: TokenFolder, vision: HierarchicalViT, tmp_path: Path
) -> None:
    path = tmp_path / "features" / "train.npz"
    assert read_features(path, studies) is None
    found = made(studies, vision)
    write_features(found, path)
    again = read_features(path, studies)
    assert again is not None
    assert np.array_equal(again.study, found.study)
    assert np.array_equal(again.series, found.series)
    assert np.array_equal(again.labels.diagnoses, found.labels.diagnoses)
    assert read_features(path, TokenFolder(studies.folder, only=studies.study_uids[:3])) is None
    path.write_bytes(path.read_bytes()[:1000])
    assert read_features(path, studies) is None
    assert [one.name for one in path.parent.iterdir()] == ["train.npz"]
