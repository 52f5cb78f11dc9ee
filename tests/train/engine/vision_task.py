"""A tiny hierarchical ViT against tables of report embeddings, contrasted over the global batch: a hard case.

As a program (`python vision_task.py FOLDER`, with torchrun's environment) it trains several ways, one after another.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import nn

from prima.errors import TrainingError
from prima.model.networks.transformer import TransformerConfig
from prima.model.networks.vision import HierarchicalViT, VisionConfig
from prima.tokens.batch import StudyBatch, offsets_of
from prima.train.engine.loop import EngineConfig, run
from prima.train.engine.optimiser import OptimiserConfig
from prima.train.engine.sampler import SamplerConfig
from prima.train.engine.task import Split, StepState
from prima.train.study.gradient_cache import cached_backward
from prima.train.study.losses import Contrast, ContrastConfig

if __name__ == "__main__":
    from dummy_task import CONFIG as DUMMY_CONFIG
    from dummy_task import DummyTask

SMALL = VisionConfig(
    sequence=TransformerConfig(width=24, depth=2, heads=2, head_dim=8, mlp_dim=32),
    sequence_registers=2,
    study=TransformerConfig(width=16, depth=2, heads=2, head_dim=8, mlp_dim=32),
    study_registers=2,
    series_name=None,
    study_description=None,
    joint_dim=8,
)
NUM_STUDIES = {"train": 21, "validation": 6}


@dataclass(frozen=True)
class Pairs:
    """Studies and the number of each one's report."""

    studies: StudyBatch
    report: torch.Tensor

    def to(self, device: torch.device) -> Pairs:
        return Pairs(self.studies.to(device), self.report.to(device))


class VisionTask:
    """Contrast of studies with embeddings of their reports, by gradient caching."""

    def __init__(self) -> None:
        torch.manual_seed(11)
        self.vision = HierarchicalViT(SMALL)
        self.contrast = Contrast(ContrastConfig())
        reports = nn.Embedding(sum(NUM_STUDIES.values()), SMALL.joint_dim)
        self.module: nn.Module = nn.ModuleDict({"vision": self.vision, "contrast": self.contrast, "reports": reports})
        self.weights = {"clip": 1.0}
        self.towers = [self.vision]

    def num_tokens(self, split: Split) -> np.ndarray[Any, np.dtype[np.int64]]:
        return 10 + 3 * (np.arange(NUM_STUDIES[split]) % 4)

    def collate(self, indices: Sequence[int], step: StepState) -> Pairs:
        tokens = [int(self.num_tokens(step.split)[index]) for index in indices]
        random = [torch.Generator().manual_seed(100 * index + step.is_training) for index in indices]
        nothing = torch.zeros(0, dtype=torch.int64)
        studies = StudyBatch(
            tokens=torch.cat([torch.randn(n, 24, generator=one) for n, one in zip(tokens, random, strict=True)]),
            series_offsets=offsets_of(half for n in tokens for half in (n // 2, n - n // 2)),
            study_offsets=offsets_of(2 for _ in indices),
            series_text=nothing,
            series_text_offsets=offsets_of([]),
            study_text=nothing,
            study_text_offsets=offsets_of([]),
        )
        first = 0 if step.is_training else NUM_STUDIES["train"]
        return Pairs(studies, torch.tensor(indices) + first)

    def embed(self, batch: Pairs) -> dict[str, torch.Tensor]:
        found = self.vision(batch.studies)
        reports = self.module.get_submodule("reports")
        return {"study": self.vision.project(found.study), "report": reports(batch.report)}

    def losses(self, batch: Pairs, step: StepState) -> dict[str, torch.Tensor]:
        raise AssertionError("the task makes its own backward pass")

    def backward(self, batches: Sequence[Pairs], step: StepState) -> dict[str, float]:
        found = cached_backward(
            batches,
            lambda one: (self.embed(one), {}),
            lambda all_: {"clip": self.contrast(all_["study"], all_["report"])},
        )
        return {name: float(loss) for name, loss in found.items()}

    def measure(self, batches: Iterable[Pairs], step: StepState) -> dict[str, float]:
        return {"length": sum(float(self.embed(batch)["study"].square().sum()) for batch in batches)}


CONFIG = EngineConfig(
    order=SamplerConfig(studies_per_batch=6, tokens_per_pass=40),
    num_steps=4,
    optimiser=OptimiserConfig(learning_rate=3e-3, warmup_steps=2),
    precision="float32",
    device="cpu",
    measure_every=2,
)


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    dist.init_process_group("gloo")
    run(DummyTask(), DUMMY_CONFIG, folder / "replicas")
    run(DummyTask(), DUMMY_CONFIG, folder / "continued")
    run(VisionTask(), CONFIG, folder / "contrast")
    run(VisionTask(), replace(CONFIG, parallel="fsdp"), folder / "sharded")
    run(VisionTask(), replace(CONFIG, parallel="fsdp"), folder / "sharded-continued")
    try:  # the last rank's loss of step 3 is not finite
        run(DummyTask(spoilt=3), DUMMY_CONFIG, folder / "spoilt")
    except TrainingError as error:
        (folder / f"spoilt-{dist.get_rank()}.txt").write_text(str(error), encoding="utf-8")
    dist.barrier()
    dist.destroy_process_group()
