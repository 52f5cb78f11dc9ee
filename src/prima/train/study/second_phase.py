"""The second phase of the study stage: the sequence ViT is frozen and what it says of every series is kept.

A series is then one vector, and an epoch over thousands of studies takes seconds: the study ViT, the contrast with
reports and the heads get the thousands of updates that they need and that no epoch over tokens could pay for.

Shape suffixes: S series, B studies, P pooled width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from prima.files.ahead import mapped_ahead
from prima.model.engine.batch import FeatureReader
from prima.model.networks.attention import best_backend
from prima.model.networks.report_encoder import Texts
from prima.model.networks.vision import HierarchicalViT
from prima.study.mode import Mode
from prima.tokens.batch import offsets_of
from prima.tokens.contract import Contract
from prima.tokens.shown import shown
from prima.tokens.text import encode_text
from prima.train.data.examples import Example, Examples
from prima.train.engine.sampler import SamplerConfig, batches_in_order
from prima.train.engine.task import Split, StepState
from prima.train.study.features import TOKENS_PER_PASS
from prima.train.study.model import StudyModel, StudyTargets
from prima.train.study.task import StudyTask, scores_of

# Parts of the vision model below the study ViT.
FROZEN = ("embed", "sequence", "context", "evidence", "series_name")


@dataclass(frozen=True, kw_only=True, eq=False)
class SeriesStates:
    """What a frozen sequence ViT says of the series of N studies.

    Args:
        pooled: [S, P] float32, series by series.
        offsets: [N + 1] int64, where each study's series start.
        examples: the studies, their tokens gone.
    """

    pooled: NDArray[np.float32]
    offsets: NDArray[np.int64]
    examples: tuple[Example, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class SeriesBatch:
    """Some studies as the vectors of their series, with reports and targets."""

    pooled: torch.Tensor
    study_offsets: torch.Tensor
    study_text: torch.Tensor
    study_text_offsets: torch.Tensor
    texts: Texts | None
    targets: StudyTargets

    def to(self, device: torch.device) -> SeriesBatch:
        """The same batch on a device; offsets stay where they are used."""
        return SeriesBatch(
            pooled=self.pooled.to(device),
            study_offsets=self.study_offsets,
            study_text=self.study_text.to(device),
            study_text_offsets=self.study_text_offsets,
            texts=None if self.texts is None else self.texts.to(device),
            targets=self.targets.to(device),
        )


def series_states(
    examples: Examples,
    vision: HierarchicalViT,
    contract: Contract,
    *,
    mode: Mode,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    on_studies: Callable[[int], None] = lambda _: None,
) -> SeriesStates:
    """Every series through the sequence ViT, once.

    Args:
        examples: at least one study.
        vision: left on the device.
        contract: how the tokens were made.
        mode: what of a study the model is shown.
        device: where to compute.
        dtype: of the matrix products.
        on_studies: told after each pass how many studies are done.
    """
    reader = FeatureReader(vision, contract, mode=mode, device=device, products=dtype)
    passes = batches_in_order(examples.num_tokens, SamplerConfig(tokens_per_batch=TOKENS_PER_PASS))
    pooled: list[NDArray[np.float32]] = []
    examples_read: list[Example] = []

    def read(indices: tuple[int, ...]) -> list[Example]:
        return [examples.read(index) for index in indices]

    counts: list[int] = []
    for _, batch, _ in mapped_ahead(passes, read, readers=1, ahead=2):
        output = reader.pooled_series([example.tokens for example in batch], [example.indication for example in batch])
        pooled.append(output.float().cpu().numpy())
        counts += [len(example.tokens.series) for example in batch]
        examples_read += [_without_tokens(example, mode) for example in batch]
        on_studies(len(examples_read))
    return SeriesStates(pooled=np.concatenate(pooled), offsets=np.cumsum([0, *counts]), examples=tuple(examples_read))


def _without_tokens(example: Example, mode: Mode) -> Example:
    """What is known of a study and shown of its text, without the tokens that are not needed any more."""
    text = shown(example.tokens, mode, example.indication)
    return replace(example, tokens=replace(text, series=()), dense=None)


class SeriesTask:
    """A `Task` over series states; it trains what lies above the sequence ViT in the model of a `StudyTask`.

    Args:
        base: the task whose model goes on learning; its configuration holds.
        train: states of its training side.
        validation: of its validation side.
        series_dropout: share of the series that are withheld in training; one always stays.
        noise: each value is multiplied by 1 + noise · normal.
    """

    def __init__(
        self,
        base: StudyTask,
        train: SeriesStates,
        validation: SeriesStates,
        *,
        series_dropout: float = 0.3,
        noise: float = 0.1,
    ) -> None:
        self.base = base
        self.states: dict[Split, SeriesStates] = {"train": train, "validation": validation}
        self.series_dropout = series_dropout
        self.noise = noise
        for name, parameter in self.model.vision.named_parameters():
            parameter.requires_grad_(name.split(".")[0] not in FROZEN)
        if self.model.series_head is not None:
            self.model.series_head.requires_grad_(requires_grad=False)

    @property
    def model(self) -> StudyModel:
        """That of the first phase."""
        return self.base.model

    @property
    def module(self) -> nn.Module:
        """The same model; what is frozen does not change."""
        return self.model

    @property
    def weights(self) -> Mapping[str, float]:
        """Those of the first phase that need no tokens."""
        return {
            name: weight
            for name, weight in self.base.weights.items()
            if name not in ("tokens", "series", "discrimination")
        }

    def num_tokens(self, split: Split) -> NDArray[np.int64]:
        """A series counts as a token."""
        return np.diff(self.states[split].offsets)

    def collate(self, indices: Sequence[int], step: StepState) -> SeriesBatch:
        """Gather the series of some studies, withhold some of them."""
        states = self.states[step.split]
        rows: list[NDArray[np.float32]] = []
        examples = [states.examples[index] for index in indices]
        for index in indices:
            own = states.pooled[states.offsets[index] : states.offsets[index + 1]]
            if step.is_training:
                random = step.random(index, "series")
                keep = random.random(len(own)) >= self.series_dropout
                keep[random.integers(len(own))] = True
                changed = 1 + self.noise * random.standard_normal((int(keep.sum()), own.shape[1]), dtype=np.float32)
                own = own[keep] * changed
            rows.append(own)
        codes = [encode_text(example.tokens.description) for example in examples]
        text_rows, texts = self.base.texts_of(examples, indices, step)
        return SeriesBatch(
            pooled=torch.from_numpy(np.concatenate(rows)),
            study_offsets=offsets_of(map(len, rows)),
            study_text=torch.tensor([code for text in codes for code in text]),
            study_text_offsets=offsets_of(map(len, codes)),
            texts=texts,
            targets=self.base.study_targets(examples, text_rows, [len(own) for own in rows]),
        )

    def _forward(self, batch: SeriesBatch, step: StepState) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        backend = best_backend(step.device, torch.float32)
        with step.autocast():
            _, study = self.model.vision.read_studies(
                batch.pooled, batch.study_offsets, batch.study_text, batch.study_text_offsets, backend
            )
            joint = self.model.vision.project(study)
            has_texts = self.model.report is not None and batch.texts is not None
            report = self.model.report(batch.texts) if has_texts and self.model.report is not None else None
        return study, joint, report

    def losses(self, batch: SeriesBatch, step: StepState) -> dict[str, torch.Tensor]:
        """Contrast, labels, priority, referrals."""
        study, joint, report = self._forward(batch, step)
        losses = self.model.supervised_study(study, batch.targets)
        if self.model.report is not None:
            text_rows = batch.targets.text_rows
            reports = joint.new_zeros(0, joint.shape[1]) if report is None else report
            losses["contrast"] = self.model.contrast(joint[text_rows], reports, batch.targets.groups[text_rows])
        return {name: losses[name] for name in self.weights}

    def measure(self, batches: Iterable[SeriesBatch], step: StepState) -> dict[str, float]:
        """As in the first phase."""
        return scores_of(self.model, ((*self._forward(batch, step), batch.targets) for batch in batches))
