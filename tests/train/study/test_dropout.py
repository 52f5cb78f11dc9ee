"""What is withheld from the model, and that the targets follow it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from prima.study.mode import Mode
from prima.tokens.batch import SeriesTokens, StudyTokens
from prima.tokens.shown import shown
from prima.train.data.dense_targets import DenseTargets
from prima.train.data.examples import Example
from prima.train.study.dropout import NOTHING, DropoutConfig, sampling_weights, withhold

COUNTS = (6, 1, 9, 4)


def an_example(counts: tuple[int, ...] = COUNTS) -> Example:
    """Token t of the study has the latent [t], and the dense targets (t, t mod 5, t + 1) and (t, 50, 1)."""
    rows = torch.arange(float(sum(counts))).unsqueeze(1)
    series = tuple(
        SeriesTokens(
            latents=part,
            coordinates=part.to(torch.int32).expand(-1, 3).contiguous(),
            plane="axial",
            name=f"AX_{number}",
            num_patches=20,
        )
        for number, part in enumerate(rows.split(list(counts)))
    )
    token = np.repeat(np.arange(sum(counts), dtype=np.int32), 2)
    second = np.arange(len(token)) % 2 == 1
    return Example(
        study_uid="1.2.3",
        patient="p",
        tokens=StudyTokens(series=series, description="MRI BRAIN"),
        sentences=("A mass.",),
        labels=np.zeros(52, np.float32),
        priority=1,
        referrals=np.zeros(3, np.float32),
        indication="Seizure",
        dense=DenseTargets(
            token=token,
            diagnosis=np.where(second, 50, token % 5).astype(np.uint8),
            share=np.where(second, 1, token + 1).astype(np.uint8),
        ),
    )


def latents(example: Example) -> list[int]:
    return [int(value) for one in example.tokens.series for value in one.latents[:, 0]]


def hide(seed: int, config: DropoutConfig, mode: Mode = "image+names", counts: tuple[int, ...] = COUNTS) -> Example:
    return withhold(an_example(counts), config, mode, np.random.default_rng(seed))


def test_the_same_state_withholds_the_same() -> None:
    config = DropoutConfig(series=0.5, tokens=0.5)
    runs = [[latents(hide(seed, config)) for seed in range(30)] for _ in range(2)]
    assert runs[0] == runs[1]
    assert len({str(one) for one in runs[0]}) > 20


def test_nothing_by_chance_is_nothing() -> None:
    example = hide(0, NOTHING, "image+names+indication")
    assert latents(example) == list(range(20))
    assert [one.name for one in example.tokens.series] == ["AX_0", "AX_1", "AX_2", "AX_3"]
    assert example.tokens.description == "MRI BRAIN. Seizure"


@pytest.mark.parametrize("config", [DropoutConfig(tokens=0.5, series=0.4), DropoutConfig(tokens=1.0, series=1.0)])
def test_dense_targets_follow_their_tokens(config: DropoutConfig) -> None:
    for seed in range(40):
        example = hide(seed, config)
        dense, shown = example.dense, latents(example)
        assert dense is not None
        # what each target says is still true of the token that it names now, and no kept token lost its own
        assert [shown[row] % 5 for row in dense.token[::2]] == dense.diagnosis[::2].tolist()
        assert [shown[row] + 1 for row in dense.token[::2]] == dense.share[::2].tolist()
        assert sorted(dense.token) == sorted([*range(len(shown))] * 2)
        assert (dense.token.dtype, dense.diagnosis.dtype, dense.share.dtype) == (np.int32, np.uint8, np.uint8)


def test_coordinates_go_with_their_tokens() -> None:
    for one in hide(3, DropoutConfig(tokens=0.5)).tokens.series:
        assert torch.equal(one.coordinates[:, 0].float(), one.latents[:, 0])
        assert one.num_patches == 20


def test_one_series_and_one_token_of_each_stay() -> None:
    kept = [hide(seed, DropoutConfig(series=1.0, tokens=1.0)).tokens.series for seed in range(100)]
    assert {len(series) for series in kept} == {1}
    assert {series[0].num_tokens for series in kept} == {1}
    assert {series[0].name for series in kept if series[0].name} == {"AX_0", "AX_1", "AX_2", "AX_3"}


def test_rates_are_those_told() -> None:
    config = DropoutConfig(series=0.2, tokens=0.3, names=0.1, description=0.25)
    counts = (50,) * 10
    runs = [hide(seed, config, counts=counts) for seed in range(400)]
    series = [one for run in runs for one in run.tokens.series]
    assert len(series) / 4000 == pytest.approx(0.8, abs=0.02)
    assert np.mean([one.num_tokens / 50 for one in series]) == pytest.approx(0.7, abs=0.01)
    assert np.mean([one.name == "" for one in series]) == pytest.approx(0.1, abs=0.02)
    assert np.mean([run.tokens.description == "" for run in runs]) == pytest.approx(0.25, abs=0.06)


@pytest.mark.parametrize("mode", ["image", "image+names", "image+names+indication"])
def test_a_mode_shows_no_more_than_it_says(mode: Mode) -> None:
    example = an_example()
    tokens = shown(example.tokens, mode, example.indication)
    names = {one.name for one in tokens.series}
    description = {"image": "", "image+names": "MRI BRAIN", "image+names+indication": "MRI BRAIN. Seizure"}
    assert tokens.description == description[mode]
    assert (names == {""}) == (mode == "image")
    assert withhold(an_example(), NOTHING, mode, np.random.default_rng(0)).tokens.description == description[mode]


def test_the_indication_is_withheld_by_itself_or_with_the_description() -> None:
    alone = hide(0, replace(NOTHING, indication=1.0), "image+names+indication")
    assert alone.tokens.description == "MRI BRAIN"
    assert hide(0, replace(NOTHING, description=1.0), "image+names+indication").tokens.description == ""


def test_the_example_itself_is_not_changed() -> None:
    example = an_example()
    withhold(example, DropoutConfig(series=0.9, tokens=0.9, names=1.0), "image", np.random.default_rng(0))
    assert latents(example) == list(range(20))
    assert example.tokens.series[0].name == "AX_0"


def test_abnormal_studies_are_drawn_more_often() -> None:
    labels = np.array([[0, 0], [0, 1], [np.nan, np.nan], [1, np.nan]], np.float32)
    assert sampling_weights(labels).tolist() == [1, 3, 1, 3]
    assert sampling_weights(labels, 5.0).tolist() == [1, 5, 1, 5]


def test_the_study_description_alone_is_withheld() -> None:
    seen = hide(0, replace(NOTHING, protocol=1.0), mode="image+names+indication")
    assert seen.tokens.description == "Seizure"
    assert hide(0, NOTHING, mode="image+names+indication").tokens.description == "MRI BRAIN. Seizure"
