"""Linear baselines: the training prevalence alone, and logistic regression on facts of the header and the order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import torch
from baseline_data import (
    DIAGNOSES_AT,
    LEVELS_AT,
    NUM_OUTPUTS,
    SERVICES_AT,
    Part,
    folds_of,
    is_regional,
    kind_of,
)
from numpy.typing import NDArray
from torch.nn import functional as F

Floats = NDArray[np.float32]
PENALTIES = (1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0)
AGE_STEPS = (1, 3, 8, 14, 18, 25, 35, 45, 55, 65, 75, 85)
MIN_COUNT = 4
NUM_FOLDS = 3


def targets_of(part: Part) -> tuple[torch.Tensor, torch.Tensor]:
    """Targets [n, outputs] with 0 where they are not known, and whether they are known [n, outputs] as 0 or 1."""
    values = np.full((len(part), NUM_OUTPUTS), np.nan, np.float32)
    values[:, DIAGNOSES_AT], values[:, SERVICES_AT] = part.labels, part.referrals
    known_level = part.priority >= 0
    values[known_level, LEVELS_AT] = np.eye(LEVELS_AT.stop - LEVELS_AT.start)[part.priority[known_level]]
    found = torch.from_numpy(values)
    return found.nan_to_num(0.0), (~found.isnan()).float()


def loss_of(logits: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """[outputs] mean loss of each: cross-entropy of yes and no; of the levels, each its share of the softmax's."""
    each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    level = -targets[:, LEVELS_AT] * logits[:, LEVELS_AT].log_softmax(1)
    each = torch.cat([each[:, DIAGNOSES_AT], level, each[:, SERVICES_AT]], 1)
    return (each * known).sum(0) / known.sum(0).clamp_min(1)


def prior_logits(part: Part) -> torch.Tensor:
    """[outputs] log-odds of the training prevalence, half a study added to each side; log shares for the levels."""
    targets, known = targets_of(part)
    share = (targets.sum(0) + 0.5) / (known.sum(0) + 1)
    found = share.logit()
    found[LEVELS_AT] = share[LEVELS_AT].log()
    return found


def fit_logistic(x: Floats, part: Part) -> tuple[Floats, dict[str, float]]:
    """Weights [features + 1, outputs] of an L2-penalised logistic regression of all outputs at once.

    The penalty of the diagnoses, of the levels and of the services is chosen by cross-validation over patients of
    the training part, so that validation and test stay untouched.
    """
    features, (targets, known) = torch.from_numpy(x), targets_of(part)
    back = None
    if features.shape[1] > len(features):  # the solution lies in the span of the studies: the same, in fewer columns
        left, size, back = torch.linalg.svd(features, full_matrices=False)
        features = left * size
    folds = torch.from_numpy(folds_of(part.patients, NUM_FOLDS))
    held_out = torch.zeros(len(PENALTIES), NUM_OUTPUTS)
    for fold in range(NUM_FOLDS):
        fit, test = folds != fold, folds == fold
        weights = None
        for number in reversed(range(len(PENALTIES))):  # from stiff to loose, each from the last one's solution
            penalty = torch.full((NUM_OUTPUTS,), PENALTIES[number])
            weights = _minimise(features[fit], targets[fit], known[fit], penalty, weights)
            logits = features[test] @ weights[:-1] + weights[-1]
            held_out[number] += loss_of(logits, targets[test], known[test])
    chosen, penalties = {}, torch.zeros(NUM_OUTPUTS)
    for group, where in (("diagnoses", DIAGNOSES_AT), ("priority", LEVELS_AT), ("referrals", SERVICES_AT)):
        chosen[group] = PENALTIES[int(held_out[:, where].sum(1).argmin())]
        penalties[where] = chosen[group]
    weights = _minimise(features, targets, known, penalties, None)
    if back is not None:
        weights = torch.cat([back.T @ weights[:-1], weights[-1:]])
    return weights.numpy(), chosen


def _minimise(
    x: torch.Tensor, targets: torch.Tensor, known: torch.Tensor, penalty: torch.Tensor, start: torch.Tensor | None
) -> torch.Tensor:
    weights = torch.zeros(x.shape[1] + 1, NUM_OUTPUTS) if start is None else start.clone()
    weights.requires_grad_()
    optimiser = torch.optim.LBFGS(
        [weights],
        max_iter=100,
        history_size=10,
        tolerance_grad=1e-6,
        tolerance_change=1e-8,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = loss_of(x @ weights[:-1] + weights[-1], targets, known).sum()
        loss = loss + 0.5 * (penalty * weights[:-1].square()).sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    return weights.detach()


def standardised(train: Floats, *others: Floats) -> list[Floats]:
    """Columns to mean 0 and spread 1 on the training part, beyond ±6 cut off; columns that never vary are dropped."""
    mean, spread = train.mean(0), train.std(0)
    kept = spread > 1e-6
    return [np.clip((x[:, kept] - mean[kept]) / spread[kept], -6, 6).astype(np.float32) for x in (train, *others)]


def header_features(parts: Sequence[Part], *, indication: bool) -> list[Floats]:
    """What the header says, for the first part (train) and the others: age, sex, scanner, site, words of the study's
    and the series' descriptions, how many series of which kind; and the words of the indication."""
    words = [[frozenset(_words(part, row, indication=indication)) for row in range(len(part))] for part in parts]
    count = Counter(word for row in words[0] for word in row)
    column = {word: number for number, word in enumerate(sorted(w for w, n in count.items() if n >= MIN_COUNT))}
    found = []
    for part, rows in zip(parts, words, strict=True):
        x = np.zeros((len(part), len(column)), np.float32)
        for row, present in enumerate(rows):
            x[row, [column[word] for word in present if word in column]] = 1
        ages = np.array([_age(facts["age_years"]) for facts in part.facts], np.float32).reshape(len(part), -1)
        counts = np.array([[len(names), len(set(names))] for names in part.names], np.float32).reshape(len(part), 2)
        found.append(np.concatenate([x, ages, counts], 1))
    return found


def _age(years: float | None) -> list[float]:
    if years is None:
        return [0.0] * (len(AGE_STEPS) + 2)
    return [years, 1.0, *(float(years >= step) for step in AGE_STEPS)]


def _words(part: Part, row: int, *, indication: bool) -> Iterable[str]:
    facts = part.facts[row]
    for key in ("sex", "scanner", "site"):
        yield f"{key}={facts[key]}"
    yield f"study={part.descriptions[row].lower()}"
    yield from (f"study:{word}" for word in re.findall(r"[a-z0-9]+", part.descriptions[row].lower()))
    for name in part.names[row]:
        yield f"series={name.lower()}"
        yield f"kind={kind_of(name)}{' regional' if is_regional(name) else ''}"
        yield from (f"series:{word}" for word in re.findall(r"[a-z]+|\d+", name.lower()))
    kinds = Counter(kind_of(name) for name in part.names[row])
    yield from (f"{kind} x {number}" for kind, number in kinds.items())
    if indication:
        told = re.findall(r"[a-z0-9]+", facts["indication"].lower())
        yield f"indication={' '.join(told)}"
        yield from (f"indication:{word}" for word in told)
        yield from (f"indication:{one} {two}" for one, two in pairwise(told))
