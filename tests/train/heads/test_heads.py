"""Heads: they learn what there is to learn, by the patients they are given, in one network of a release."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from prima.errors import UsageError
from prima.model.release.heads import HeadMLP
from prima.train.heads.fit import HeadData, HeadEpoch, HeadLabels, HeadRecipe, TrainedHeads, train_heads

NUM_FEATURES, NUM_DIAGNOSES, NUM_SERVICES = 96, 10, 3
QUICK = HeadRecipe(hidden=64, epochs=12, column_epochs=8, batch_size=64, dropout=0.3)


Sides = tuple[HeadData, HeadData, HeadData]


def studies(num: int, seed: int) -> HeadData:
    """Findings of 2 to 20 %, half of them hidden in the sign of a nuisance, on features of odd scales and offsets."""
    world, random = np.random.default_rng(0), np.random.default_rng(seed)
    prevalence = np.geomspace(0.02, 0.2, NUM_DIAGNOSES)
    directions = world.standard_normal((NUM_DIAGNOSES, NUM_FEATURES)) / NUM_FEATURES**0.5
    nuisance = world.standard_normal((8, NUM_FEATURES)) / NUM_FEATURES**0.5
    scale, offset = world.uniform(0.1, 10, NUM_FEATURES), 5 * world.standard_normal(NUM_FEATURES)
    present = random.random((num, NUM_DIAGNOSES)) < prevalence
    sign = np.where(np.arange(NUM_DIAGNOSES) % 2, random.choice([-1, 1], (num, NUM_DIAGNOSES)), 1)
    x = (present * sign * random.gamma(6, 1.0, present.shape)) @ directions
    x += 3 * random.standard_normal((num, 8)) @ nuisance + 0.25 * random.standard_normal(x.shape)
    severity = np.arange(NUM_DIAGNOSES) % 4
    services = np.stack([present[:, n::NUM_SERVICES].any(axis=1) for n in range(NUM_SERVICES)], axis=1)
    diagnoses = present.astype(np.float32)
    diagnoses[random.random(diagnoses.shape) < 0.05] = np.nan
    return HeadData(
        features=((x + offset) * scale).astype(np.float32),
        labels=HeadLabels(
            patients=tuple(f"{seed}-{number}" for number in random.integers(0, num // 2, num)),
            diagnoses=diagnoses,
            referrals=services.astype(np.float32),
            priority=(present * severity).max(axis=1).astype(np.int64),
            diagnosis_names=tuple(f"finding_{number}" for number in range(NUM_DIAGNOSES)),
            referral_names=tuple(f"service_{number}" for number in range(NUM_SERVICES)),
        ),
    )


def auroc(scores: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    higher = scores[truth][:, None] > scores[~truth][None]
    return float(higher.mean())


def mean_auroc(heads: TrainedHeads, data: HeadData) -> float:
    logits, known = heads.logits(data.features).diagnoses, ~np.isnan(data.labels.diagnoses)
    return float(
        np.mean(
            [auroc(logits[known[:, n], n], data.labels.diagnoses[known[:, n], n] == 1) for n in range(NUM_DIAGNOSES)]
        )
    )


@pytest.fixture(scope="module")
def sides() -> Sides:
    return studies(1200, 1), studies(400, 2), studies(1000, 3)


@pytest.fixture(scope="module")
def heads(sides: Sides) -> TrainedHeads:
    return train_heads(*sides[:2], QUICK)


def test_all_tasks_are_learnt(heads: TrainedHeads, sides: Sides) -> None:
    test = sides[2]
    assert mean_auroc(heads, test) > 0.9
    logits = heads.logits(test.features)
    services = [auroc(logits.referrals[:, n], test.labels.referrals[:, n] == 1) for n in range(NUM_SERVICES)]
    assert min(services) > 0.85
    assert logits.priority is not None
    shares = torch.softmax(torch.from_numpy(logits.priority), dim=1).numpy()
    assert auroc(shares[:, 3], test.labels.priority == 3) > 0.85
    assert shares.mean(axis=0) == pytest.approx(np.bincount(test.labels.priority, minlength=4) / 1000, abs=0.06)


def test_a_hidden_layer_sees_what_a_line_cannot(sides: Sides) -> None:
    straight = train_heads(*sides[:2], replace(QUICK, hidden=0))
    assert len(straight.layers) == 1
    bent = train_heads(*sides[:2], QUICK)
    assert mean_auroc(bent, sides[2]) > mean_auroc(straight, sides[2]) + 0.1


def test_the_columns_of_priority_are_an_ordinal(heads: TrainedHeads, sides: Sides) -> None:
    """One score: log odds of neighbouring levels rise together, by the same amount."""
    columns = heads.logits(sides[2].features).priority
    assert columns is not None
    steps = np.diff(columns, axis=1)
    rise = steps - steps[0]
    assert rise == pytest.approx(np.repeat(rise[:, :1], 3, axis=1), abs=1e-3)
    assert np.ptp(rise[:, 0]) > 1


def test_labels_at_random_teach_nothing(sides: Sides) -> None:
    train = sides[0]
    order = np.random.default_rng(0).permutation(len(train.labels))
    shuffled = HeadData(
        features=train.features, labels=replace(train.labels.take(order), patients=train.labels.patients)
    )
    found = train_heads(shuffled, sides[1], QUICK)
    assert 0.4 < mean_auroc(found, sides[2]) < 0.6
    assert np.mean(list(found.validation_loss.values())) > 0.9, "no better than a constant, nor much worse: it stopped"
    assert np.mean(list(found.validation_loss.values())) < 1.05


def test_every_task_stops_where_its_own_validation_is_best(sides: Sides) -> None:
    train, validation, _ = sides
    long = replace(QUICK, column_epochs=20, weight_decay=0.0, dropout=0.0, learning_rate=5e-3)
    stopped, before = (
        train_heads(train, validation, long),
        train_heads(train, validation, replace(long, column_epochs=0)),
    )
    assert torch.equal(stopped.tensors()["0.weight"], before.tensors()["0.weight"]), "one trunk, which stays"
    assert len(set(stopped.column_epochs.values())) > 3, "tasks differ in when they are done"
    assert set(before.column_epochs.values()) == {0}
    assert all(stopped.validation_loss[task] <= loss for task, loss in before.validation_loss.items())
    assert sum(stopped.validation_loss.values()) < sum(before.validation_loss.values())


def test_a_release_computes_the_same(heads: TrainedHeads, sides: Sides, tmp_path: Path) -> None:
    """Standardisation is folded into the first layer: the file takes features as they are."""
    path = tmp_path / "head.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in heads.tensors().items()}, path)
    network = HeadMLP(path, torch.device("cpu"))
    assert network.num_columns == NUM_DIAGNOSES + NUM_SERVICES + 4
    logits = heads.logits(sides[2].features[:3])
    assert logits.priority is not None
    expected = np.concatenate([logits.diagnoses, logits.referrals, logits.priority], axis=1)
    for row in range(3):
        feature = torch.from_numpy(sides[2].features[row])
        assert network.columns(feature, range(network.num_columns)) == pytest.approx(expected[row].tolist(), abs=1e-4)


def test_the_same_seed_gives_the_same_weights(heads: TrainedHeads, sides: Sides) -> None:
    seen: list[HeadEpoch] = []
    again = train_heads(*sides[:2], QUICK, seen.append)
    assert all(torch.equal(value, heads.tensors()[name]) for name, value in again.tensors().items())
    assert [(one.phase, one.epoch) for one in seen] == [(1, n) for n in range(1, 13)] + [(2, n) for n in range(1, 9)]
    other = train_heads(*sides[:2], replace(QUICK, seed=1))
    assert not torch.equal(other.tensors()["0.weight"], heads.tensors()["0.weight"])


def test_a_patient_on_both_sides_is_refused(sides: Sides) -> None:
    train, validation, _ = sides
    mixed = replace(validation.labels, patients=(train.labels.patients[0], *validation.labels.patients[1:]))
    with pytest.raises(UsageError, match="found 1 patients in training and validation"):
        train_heads(train, HeadData(features=validation.features, labels=mixed), QUICK)


def test_empty_classes_are_named_at_once_or_give_a_constant(sides: Sides) -> None:
    train, validation, _ = sides
    diagnoses = train.labels.diagnoses.copy()
    diagnoses[:, 1] = 0
    diagnoses[:, 4] = np.nan
    priority = np.where(train.labels.priority == 3, -1, train.labels.priority)
    poor = HeadData(features=train.features, labels=replace(train.labels, diagnoses=diagnoses, priority=priority))
    words = r"finding_1 \(no positive\), finding_4 \(no positive\), finding_4 \(no negative\), priority high"
    with pytest.raises(UsageError, match=words):
        train_heads(poor, validation, QUICK)
    found = train_heads(poor, validation, replace(QUICK, allow_empty=True, epochs=2, column_epochs=2))
    logits = found.logits(validation.features).diagnoses
    assert np.ptp(logits[:, [1, 4]], axis=0).tolist() == [0, 0]
    assert logits[0, 1] < -3
    assert np.ptp(logits[:, 0]) > 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_feature_that_is_not_finite(sides: Sides, bad: float) -> None:
    features = sides[0].features.copy()
    features[7, 3] = bad
    with pytest.raises(UsageError, match="1 studies with a value that is not finite, the first 7"):
        HeadData(features=features, labels=sides[0].labels)


def test_labels_that_are_none(sides: Sides) -> None:
    labels = sides[0].labels
    with pytest.raises(UsageError, match="a value that is no label"):
        replace(labels, diagnoses=labels.diagnoses + 0.5)
    with pytest.raises(UsageError, match="a level beyond the 4"):
        replace(labels, priority=labels.priority + 4)
    with pytest.raises(UsageError, match=r"referrals: found shape \(1200, 2\), expected \(1200, 3\)"):
        replace(labels, referrals=labels.referrals[:, :2])


def test_a_feature_that_never_varies_is_harmless(sides: Sides) -> None:
    def with_constant(data: HeadData) -> HeadData:
        constant = np.full((len(data.labels), 1), 7.0, np.float32)
        return HeadData(features=np.concatenate([data.features, constant], axis=1), labels=data.labels)

    train, validation, test = map(with_constant, sides)
    test.features[:, -1] = 7.5
    found = train_heads(train, validation, QUICK)
    assert mean_auroc(found, test) > 0.9
