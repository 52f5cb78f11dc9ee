"""An optional first step of the study stage: what series look like, against what they are called.

The characters of a series name are read by a small encoder of the vision model. Here it learns, before any report is
seen, to tell a FLAIR from a T1; the study stage then starts from its weights.

Shape suffixes: T tokens of all series, S series, J joint width.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from prima.errors import TrainingError
from prima.model.networks.attention import best_backend
from prima.model.networks.vision import TextEncoder, TextEncoderConfig
from prima.tokens.batch import SeriesTokens, StudyBatch, StudyTokens, pack
from prima.tokens.contract import Contract
from prima.train.data.examples import Examples
from prima.train.engine.task import Split, StepState
from prima.train.study.losses import Contrast, ContrastConfig, group_numbers
from prima.train.study.retrieval import retrieval


@dataclass(frozen=True, kw_only=True)
class NamesTaskConfig:
    """What series names are learnt with.

    Args:
        encoder: sizes of the character encoder, as the vision model has it.
        width: its output, the width of the sequence ViT.
        token_width: width of a token row.
        hidden: width of what a token becomes before the mean over its series.
        joint_dim: width of the space in which names and series meet.
        tokens_per_series: drawn of each series, each time it comes.
        contrast: series of one name are not pushed apart.
    """

    encoder: TextEncoderConfig
    width: int
    token_width: int
    hidden: int = 128
    joint_dim: int = 64
    tokens_per_series: int = 64
    contrast: ContrastConfig = field(default_factory=lambda: ContrastConfig(alike="positive"))


@dataclass(frozen=True, kw_only=True, eq=False)
class NamesBatch:
    """Packed series, and [S] numbers that are equal for equal names."""

    studies: StudyBatch
    groups: torch.Tensor

    def to(self, device: torch.device) -> NamesBatch:
        """The same batch on a device."""
        return NamesBatch(studies=self.studies.to(device), groups=self.groups.to(device))


class NamesModel(nn.Module):
    """The character encoder, and a pooled look at the tokens that it is held against."""

    def __init__(self, config: NamesTaskConfig) -> None:
        super().__init__()
        self.encoder = TextEncoder(config.encoder, config.width)
        self.look = nn.Sequential(nn.Linear(config.token_width, config.hidden), nn.GELU())
        self.project_name = nn.Linear(config.width, config.joint_dim)
        self.project_series = nn.Sequential(nn.LayerNorm(config.hidden), nn.Linear(config.hidden, config.joint_dim))
        self.contrast = Contrast(config.contrast)

    def forward(self, batch: StudyBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Packed series → [S, J] of the series, and [S, J] of their names."""
        backend = best_backend(batch.tokens.device, self.project_name.weight.dtype)
        names = self.encoder(batch.series_text, batch.series_text_offsets.cpu(), backend)
        lengths = batch.series_offsets.diff().to(batch.tokens.device)
        output = self.look(batch.tokens)
        owner = torch.repeat_interleave(torch.arange(len(lengths), device=output.device), lengths)
        summed = output.new_zeros(len(lengths), output.shape[1]).index_add(0, owner, output)
        return self.project_series(summed / lengths[:, None]), self.project_name(names)


class NamesTask:
    """A `Task` over the series of examples.

    Args:
        train: studies to learn from.
        validation: studies of other patients.
        config: see there.
        contract: how the tokens were made.
    """

    def __init__(self, train: Examples, validation: Examples, config: NamesTaskConfig, contract: Contract) -> None:
        self.examples: dict[Split, Examples] = {"train": train, "validation": validation}
        self.config = config
        self.contract = contract
        self.model = NamesModel(config)

    @property
    def module(self) -> nn.Module:
        """Both sides of the contrast; of these the study stage takes `encoder`."""
        return self.model

    @property
    def weights(self) -> Mapping[str, float]:
        """The one loss."""
        return {"names": 1.0}

    def num_tokens(self, split: Split) -> NDArray[np.int64]:
        """Tokens of each study, of which at most `tokens_per_series` a series are used."""
        return self.examples[split].num_tokens

    def collate(self, indices: Sequence[int], step: StepState) -> NamesBatch:
        """Read studies, and draw some tokens of each series."""
        studies: list[StudyTokens] = []
        for index in indices:
            example = self.examples[step.split].read(index)
            random = step.random(index, "names")
            series = tuple(_some_of(part, self.config.tokens_per_series, random) for part in example.tokens.series)
            if not all(bool(part.latents.float().isfinite().all()) for part in series):
                raise TrainingError(
                    f"tokens of study {example.study_uid}: found a value that is not finite, expected numbers; "
                    "tokenize the study again"
                )
            studies.append(replace(example.tokens, series=series))
        names = [part.name.lower() for study in studies for part in study.series]
        return NamesBatch(studies=pack(studies, self.contract), groups=group_numbers(names))

    def losses(self, batch: NamesBatch, step: StepState) -> dict[str, torch.Tensor]:
        """The contrast between series and names."""
        with step.autocast():
            series, names = self.model(batch.studies)
        return {"names": self.model.contrast(series, names, batch.groups)}

    def measure(self, batches: Iterable[NamesBatch], step: StepState) -> dict[str, float]:
        """How often a series finds its name among all of the validation studies."""
        embeddings: list[NDArray[np.float32]] = []
        named: list[NDArray[np.float32]] = []
        groups: list[NDArray[np.int64]] = []
        for batch in batches:
            with step.autocast():
                series, names = self.model(batch.studies)
            embeddings.append(series.float().cpu().numpy())
            named.append(names.float().cpu().numpy())
            groups.append(batch.groups.cpu().numpy())
        ranks = retrieval(np.concatenate(embeddings), np.concatenate(named), np.concatenate(groups), ks=(1, 5))
        chance = {f"chance@{k}": share for k, share in ranks.chance.items()}
        return {f"retrieval@{k}": share for k, share in ranks.at.items()} | chance


def _some_of(series: SeriesTokens, most: int, random: np.random.Generator) -> SeriesTokens:
    if series.num_tokens <= most:
        return series
    rows = torch.from_numpy(np.sort(random.choice(series.num_tokens, most, replace=False)))
    return replace(series, latents=series.latents[rows], coordinates=series.coordinates[rows])
