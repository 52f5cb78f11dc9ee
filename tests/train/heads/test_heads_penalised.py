"""Penalised heads: a minimum, and a penalty that validation chose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from prima.errors import UsageError
from prima.train.heads.fit import HeadData, HeadEpoch, HeadRecipe, train_heads

from .test_heads import mean_auroc, studies

PATH = HeadRecipe(hidden=0, penalties=(0.1, 0.01, 0.001))
Sides = tuple[HeadData, HeadData, HeadData]


@pytest.fixture(scope="module")
def sides() -> Sides:
    return studies(900, 1), studies(400, 2), studies(900, 3)


def test_it_is_the_minimum(sides: Sides) -> None:
    """The gradient of the penalised loss, written out, is zero there; the loss is convex, so there is one minimum."""
    train, validation, _ = sides
    penalty = 0.02
    ((weight, bias),) = train_heads(train, validation, replace(PATH, penalties=(penalty,))).layers
    scale = train.features.std(0, dtype=np.float64)
    x = (train.features - train.features.mean(0, dtype=np.float64)) / scale
    labels = np.concatenate([train.labels.diagnoses, train.labels.referrals], axis=1)
    for column in range(labels.shape[1]):
        known = ~np.isnan(labels[:, column])
        logits = train.features.astype(np.float64) @ weight[column].double().numpy() + float(bias[column])
        residual = 1 / (1 + np.exp(-logits[known])) - labels[known, column]
        slope = x[known].T @ residual / known.sum() + 2 * penalty * weight[column].double().numpy() * scale
        at_zero = x[known].T @ (labels[known, column].mean() - labels[known, column]) / known.sum()
        assert np.abs(slope).max() < 0.02 * np.abs(at_zero).max()


def test_it_finds_what_there_is_and_nothing_in_noise(sides: Sides) -> None:
    train, validation, test = sides
    # Half of the findings hide behind a sign that no linear head can read: 0.75 is all there is.
    assert 0.7 < mean_auroc(train_heads(train, validation, PATH), test) < 0.8
    order = np.random.default_rng(0).permutation(len(train.labels))
    shuffled = HeadData(
        features=train.features, labels=replace(train.labels.take(order), patients=train.labels.patients)
    )
    assert 0.4 < mean_auroc(train_heads(shuffled, validation, PATH), test) < 0.6


def test_every_group_keeps_the_penalty_that_validation_prefers(sides: Sides) -> None:
    train, validation, _ = sides
    told: list[HeadEpoch] = []
    path = train_heads(train, validation, PATH, told.append)
    assert [one.epoch for one in told] == [1, 2, 3]
    single = [train_heads(train, validation, replace(PATH, penalties=(one,))) for one in sorted(PATH.penalties)[::-1]]
    chosen = {path.column_epochs[name] for name in path.diagnosis_names}
    assert len(chosen) == 1
    own = single[chosen.pop() - 1]
    np.testing.assert_allclose(
        path.logits(validation.features).diagnoses, own.logits(validation.features).diagnoses, atol=0.05
    )


def test_the_same_data_give_the_same_weights(sides: Sides) -> None:
    first, second = (train_heads(sides[0], sides[1], PATH).tensors() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert list(first) == ["0.weight", "0.bias"]


@pytest.mark.parametrize("wrong", [{"hidden": 8}, {"penalties": (0.1, 0.0)}])
def test_penalties_are_for_linear_heads(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="penalties"):
        replace(PATH, **wrong)  # type: ignore[arg-type]


def test_own_evidence_is_believed_first() -> None:
    """A hundred studies do not tell a hundred features apart; evidence that is said to be the diagnosis' own wins."""
    train, validation, test = (with_evidence(studies(number, seed)) for number, seed in ((150, 5), (400, 6), (900, 7)))
    stiff = replace(PATH, penalties=(1.0,))
    num = len(train.labels.diagnosis_names)
    blind, told = (train_heads(train, validation, replace(stiff, evidence=channels)) for channels in (0, num))
    assert mean_auroc(told, test) > mean_auroc(blind, test) + 0.05


def with_evidence(data: HeadData) -> HeadData:
    """Noise, then channels that say each diagnosis with noise, three times: highest, mean, agreed on."""
    random = np.random.default_rng(len(data.labels))
    truth = np.nan_to_num(data.labels.diagnoses)
    evidence = [truth + random.normal(0, 0.7, truth.shape) for _ in range(3)]
    noise = random.normal(0, 1, (len(truth), 100))
    return HeadData(features=np.concatenate([noise, *evidence], axis=1).astype(np.float32), labels=data.labels)


def test_what_is_left_out_is_not_read(sides: Sides) -> None:
    train, validation, _ = sides
    ((weight, _),) = train_heads(train, validation, replace(PATH, left_out=3)).layers
    assert not weight[:, :3].any()
    assert weight[:, 3:].any(dim=0).all()
