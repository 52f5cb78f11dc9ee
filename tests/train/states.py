"""States of a step, for tasks that are asked without the engine."""

from __future__ import annotations

import torch

from prima.train.engine.task import Split, StepState


def state(split: Split = "train", *, index: int = 0, seed: int = 0) -> StepState:
    return StepState(
        seed=seed, epoch=0, index=index, step=index, split=split, rank=0, world=1, num_studies=4, num_tokens=100,
        device=torch.device("cpu"), precision="float32",
    )  # fmt: skip
