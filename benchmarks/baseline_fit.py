"""How the networks among the baselines are trained: one loop, a budget of minutes, the best state on validation."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from baseline_data import DIAGNOSES_AT, LEVELS_AT, SERVICES_AT, Part
from baseline_linear import loss_of, targets_of
from numpy.typing import NDArray
from torch import nn

from prima.evaluate.metrics import mean_auroc

Batch = tuple[torch.Tensor, ...]


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """A training run.

    Args:
        minutes: how long it may take.
        clock: "wall", or "cpu": of the processor, where other work runs beside it.
        batch: studies.
        learning_rate: at its highest; it rises over the first twentieth of the time and falls as a cosine.
        weight_decay: of AdamW.
        priority_share: weight of the priority's loss beside the sum over diagnoses.
        referral_share: weight of the sum over referrals.
        evaluations: how often validation is looked at.
        patience: evaluations without a better one, after which it ends.
        seed: of order, dropout and augmentation.
    """

    minutes: float
    clock: str = "wall"
    batch: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    priority_share: float = 0.5
    referral_share: float = 0.2
    evaluations: int = 20
    patience: int = 10
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What a run did: steps, epochs, the best step and its mean AUROC on validation, and that AUROC over time."""

    steps: int
    epochs: float
    best_step: int
    best: float
    journal: tuple[tuple[float, int, float, float], ...]


def fit(
    network: nn.Module,
    train: Part,
    validation: Part,
    *,
    draw: Callable[[Sequence[int], np.random.Generator], Batch],
    predict: Callable[[], NDArray[np.float32]],
    config: FitConfig,
) -> Fit:
    """Train until the time is spent or validation stops getting better; the network ends with its best state.

    Args:
        network: batch → logits [b, outputs].
        train: studies.
        validation: studies that `predict` gives logits [n, outputs] of.
        draw: a batch of training studies, augmented.
    """
    targets, known = targets_of(train)
    device = next(network.parameters()).device
    targets, known = targets.to(device), known.to(device)
    random = np.random.default_rng(config.seed)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.98)
    )
    clock = time.perf_counter if config.clock == "wall" else time.process_time
    start, budget = clock(), config.minutes * 60
    best, best_step, kept = -math.inf, 0, {key: one.clone() for key, one in network.state_dict().items()}
    journal: list[tuple[float, int, float, float]] = []
    order: list[int] = []
    step, running, since = 0, float("nan"), 0
    while since < config.patience:
        spent = (clock() - start) / budget
        if spent >= 1 or spent * config.evaluations >= len(journal) + 1:
            network.eval()
            reached, _ = mean_auroc(predict()[:, DIAGNOSES_AT], validation.labels)
            journal.append((round(clock() - start, 1), step, round(running, 4), round(reached, 4)))
            print(
                f"  {journal[-1][0]:.0f} s, step {step}: loss {running:.3f}, validation AUROC {reached:.4f}", flush=True
            )
            since += 1
            if reached > best:
                best, best_step, since = reached, step, 0
                kept = {key: one.clone() for key, one in network.state_dict().items()}
            if spent >= 1:
                break
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * min(1.0, 20 * spent + 0.02, 0.5 + 0.5 * math.cos(math.pi * spent))
        if len(order) < config.batch:
            order += random.permutation(len(train)).tolist()
        rows, order = order[: config.batch], order[config.batch :]
        network.train()
        logits = network(*(one.to(device) for one in draw(rows, random)))
        each = loss_of(logits, targets[rows], known[rows])
        loss = (
            each[DIAGNOSES_AT].sum()
            + config.priority_share * each[LEVELS_AT].sum()
            + config.referral_share * each[SERVICES_AT].sum()
        )
        if not loss.isfinite():
            raise ArithmeticError(
                f"baseline: found a loss of {float(loss.detach())} at step {step}; lower the learning rate"
            )
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
        value = float(loss.detach())
        running = value if math.isnan(running) else 0.98 * running + 0.02 * value
    network.load_state_dict(kept)
    network.eval()
    return Fit(
        steps=step,
        epochs=round(step * config.batch / len(train), 2),
        best_step=best_step,
        best=best,
        journal=tuple(journal),
    )
