"""A small task for the engine's tests: rows of numbers per study, a linear network, dropouts by study.

As a program (`python dummy_task.py FOLDER [options as JSON]`) it trains in a process of its own.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from prima.train.engine.config import EngineConfig
from prima.train.engine.loop import run
from prima.train.engine.optimiser import OptimiserConfig
from prima.train.engine.sampler import SamplerConfig
from prima.train.engine.task import Split, StepState

WIDTH = 6
NUM_STUDIES = {"train": 23, "validation": 5}


@dataclass(frozen=True)
class Rows:
    """Rows of some studies, and which study each is of."""

    rows: torch.Tensor
    study: torch.Tensor
    target: torch.Tensor

    def to(self, device: torch.device) -> Rows:
        return Rows(self.rows.to(device), self.study.to(device), self.target.to(device))


class Network(nn.Module):
    """Two layers, a norm, an embedding that is not used, a buffer that counts."""

    counted: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.first = nn.Linear(WIDTH, 16)
        self.norm = nn.LayerNorm(16)
        self.last = nn.Linear(16, 1)
        self.unused = nn.Embedding(3, 4)
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.register_buffer("counted", torch.zeros((), dtype=torch.int64))

    def forward(self, batch: Rows) -> torch.Tensor:
        if self.training:
            self.counted += 1
        hidden = self.norm(torch.tanh(self.first(batch.rows)))
        pooled = hidden.new_zeros(len(batch.target), 16).index_add(0, batch.study, hidden)
        return self.scale * self.last(pooled).squeeze(1)


class DummyTask:
    """Regression on rows; at the step `spoilt` the loss is NaN, at the step `stuck` nothing goes on."""

    def __init__(self, *, spoilt: int | None = None, stuck: int | None = None) -> None:
        self.module: nn.Module = Network()
        self.weights = {"square": 1.0, "absolute": 0.5, "largest": 0.0}
        self.spoilt = spoilt
        self.stuck = stuck

    def num_tokens(self, split: Split) -> np.ndarray[Any, np.dtype[np.int64]]:
        return 3 + np.arange(NUM_STUDIES[split]) % 7

    def collate(self, indices: Sequence[int], step: StepState) -> Rows:
        rows, study, target = [], [], []
        for place, index in enumerate(indices):
            own = np.random.default_rng([index, step.split == "train"])
            values = torch.from_numpy(own.normal(size=(int(self.num_tokens(step.split)[index]), WIDTH))).float()
            if step.is_training:
                values = values * (torch.rand(len(values), 1, generator=step.generator(index, "rows")) > 0.2)
            rows.append(values)
            study += [place] * len(values)
            target.append(float(own.normal()))
        return Rows(torch.cat(rows), torch.tensor(study), torch.tensor(target))

    def losses(self, batch: Rows, step: StepState) -> dict[str, torch.Tensor]:
        with step.autocast():
            found = self.module(batch)
        error = found.float() - batch.target
        if step.step == self.stuck:
            time.sleep(600)
        if step.step == self.spoilt and step.rank == step.world - 1:
            error = error / 0.0
        return {"square": error.square().mean(), "absolute": error.abs().mean(), "largest": error.detach().mean()}

    def measure(self, batches: Iterable[Rows], step: StepState) -> dict[str, float]:
        errors = torch.cat([self.module(batch) - batch.target for batch in batches])
        return {"loss": float(errors.square().mean()), "retrieval@1": float("nan")}


CONFIG = EngineConfig(
    order=SamplerConfig(studies_per_batch=6, tokens_per_pass=20),
    num_steps=12,
    optimiser=OptimiserConfig(learning_rate=1e-2, warmup_steps=2, clip_norm=0.5),
    precision="float32",
    device="cpu",
    measure_every=5,
    best="loss",
    best_is="lowest",
)


if __name__ == "__main__":
    torch.set_num_threads(1)
    options = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    task = DummyTask(**options.pop("task", {}))
    print(run(task, replace(CONFIG, **options), Path(sys.argv[1])))
