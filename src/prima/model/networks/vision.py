"""The hierarchical vision model: sequence ViT over the tokens of a series, study ViT over the series of a study.

Registers come first in every piece, then the text token, then the tokens; no position is added, because a token row
already carries its own. The study feature is the study ViT's registers, normalised and flattened.

Shape suffixes: T tokens of all series, S series, B studies, R registers, W width, C characters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import nn

from prima.errors import ReleaseError
from prima.files.strict_json import added, read_json, values_of
from prima.model.networks.attention import Backend, Pieces, best_backend
from prima.model.networks.context import TokenContext, highest_of, mean_of
from prima.model.networks.evidence import EvidencePool, agreed, moments, pool_series, raised, sided
from prima.model.networks.feature_layout import SeriesLayout, StudyLayout
from prima.model.networks.transformer import Transformer, TransformerConfig
from prima.model.networks.word_bag import WordBag
from prima.tokens.batch import StudyBatch, position_code
from prima.tokens.place import CELLS_MM
from prima.tokens.text import NUM_CODES


@dataclass(frozen=True, kw_only=True)
class TextEncoderConfig:
    """Sizes of a character encoder: embedding and position code together make the transformer's width."""

    embedding: int
    position_dims: int
    transformer: TransformerConfig


@dataclass(frozen=True, kw_only=True)
class VisionConfig:
    """Sizes of the hierarchical vision model.

    Args:
        token_width: width of a token row, which a linear layer brings to the sequence ViT's; None when they are the
            same and there is no such layer, as in the published model.
        sequence: the sequence ViT.
        sequence_registers: registers of the sequence ViT.
        study: the study ViT; its width is that of a series embedding.
        study_registers: registers of the study ViT.
        series_name: the character encoder of series names, None when the model has none.
        study_description: the character encoder of study descriptions, None when the model has none.
        joint_dim: width of the projection to the space shared with reports.
        evidence: channels of evidence that every token gives and that are pooled over a series and over a study, beside
            the registers; 0, as in the published model, has none. A lesion that fills one token in a thousand reaches
            the study feature without having to win a register's attention first.
        moments: whether mean, spread and maximum of a series' token rows stand beside the registers; not as published.
        context: width of the token states that know their series and their place (`networks/context`), 0 for none as
            published; evidence is then read from them and not from the sequence ViT, their mean over a series, and mean
            and maximum of these over a study, stand beside the registers, and so does the evidence that a place agrees
            on (`networks/evidence`).
        words: width of a bag of the words of the study's text (`networks/word_bag`) in the study feature; 0 for none.
        compared: whether evidence is also compared within the brain, with the rest of its series and with its mirror,
            and that stands beside the rest; needs context and evidence. Not as published.
    """

    sequence: TransformerConfig
    sequence_registers: int
    study: TransformerConfig
    study_registers: int
    series_name: TextEncoderConfig | None
    study_description: TextEncoderConfig | None
    joint_dim: int
    token_width: int | None = None
    evidence: int = 0
    moments: bool = False
    context: int = 0
    words: int = 0
    compared: bool = added(False)

    def __post_init__(self) -> None:
        if (self.moments or self.context) and self.token_width is None:
            setting = "moments" if self.moments else "context"
            raise ReleaseError(f"vision: found {setting} without token_width, expected the width of a token row")
        if self.compared and not (self.context and self.evidence):
            raise ReleaseError("vision: found compared without context or evidence, expected the widths of both")

    @property
    def feature_dim(self) -> int:
        """Length of the study feature that heads read."""
        return self.study_layout.width

    @property
    def study_layout(self) -> StudyLayout:
        """Where the parts of a study feature lie."""
        return StudyLayout.of(
            registers=self.study_registers * self.study.width,
            words=self.words,
            context=2 * self.context,
            evidence=(3 if self.context else 2) * self.evidence,
            compared=3 * self.evidence if self.compared else 0,
        )

    @property
    def series_layout(self) -> SeriesLayout:
        """Where the parts of a pooled series vector lie."""
        return SeriesLayout.of(
            registers=self.sequence_registers * self.sequence.width,
            moments=3 * (self.token_width or 0) if self.moments else 0,
            context=self.context,
            evidence=2 * self.evidence,
            agreed=self.evidence if self.context else 0,
            compared=2 * self.evidence if self.compared else 0,
        )

    def to_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return values_of(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Read the values back; unknown, missing or odd ones are an error."""
        return read_json(cls, values, "vision")


class TextEncoder(nn.Module):
    """Characters of a description → one token: the state at the end code, projected."""

    def __init__(self, config: TextEncoderConfig, width_out: int) -> None:
        super().__init__()
        self.position_dims = config.position_dims
        self.embedding = nn.Embedding(NUM_CODES, config.embedding)
        self.transformer = Transformer(config.transformer)
        self.project = nn.Linear(config.transformer.width, width_out)

    def forward(self, text_C: torch.Tensor, offsets: torch.Tensor, backend: Backend) -> torch.Tensor:
        """[C] codes of n texts with [n + 1] offsets (CPU) → [n, width_out]."""
        pieces = Pieces(offsets)
        start_of_own = torch.repeat_interleave(offsets[:-1], offsets.diff())
        index = (torch.arange(len(text_C)) - start_of_own).unsqueeze(1).to(text_C.device)
        position = position_code(index, self.position_dims).to(self.embedding.weight.dtype)
        x = torch.cat([self.embedding(text_C), position], dim=1)
        x = self.transformer(x, pieces, backend)
        result: torch.Tensor = self.project(x[offsets[1:].to(x.device) - 1])
        return result


class RegisterViT(nn.Module):
    """A transformer that reads each piece through learnt registers; its answer is the registers, normalised."""

    def __init__(self, config: TransformerConfig, num_registers: int) -> None:
        super().__init__()
        self.registers = nn.Parameter(torch.empty(num_registers, config.width))
        nn.init.normal_(self.registers, std=0.02)
        self.transformer = Transformer(config)
        self.norm = nn.LayerNorm(config.width)

    def forward(
        self, x_TW: torch.Tensor, offsets: torch.Tensor, text_PW: torch.Tensor | None, backend: Backend
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Packed tokens of P pieces, their offsets [P + 1] (CPU) and one text token each → [P, R·W], and [T, W]."""
        num_pieces = len(offsets) - 1
        num_registers, width = self.registers.shape
        lead = self.registers.unsqueeze(0).expand(num_pieces, -1, -1)
        if text_PW is not None:
            lead = torch.cat([lead, text_PW.unsqueeze(1)], dim=1)
        num_lead = lead.shape[1]
        starts = offsets + num_lead * torch.arange(num_pieces + 1)
        lead_rows = (starts[:-1, None] + torch.arange(num_lead)).to(x_TW.device)
        own_rows = torch.arange(len(x_TW)) + num_lead * (
            1 + torch.repeat_interleave(torch.arange(num_pieces), offsets.diff())
        )
        packed = x_TW.new_empty(len(x_TW) + num_pieces * num_lead, width)
        packed = packed.index_copy(0, lead_rows.flatten(), lead.reshape(-1, width).to(x_TW.dtype))
        own_rows = own_rows.to(x_TW.device)
        packed = packed.index_copy(0, own_rows, x_TW)
        packed = self.transformer(packed, Pieces(starts), backend)
        registers = packed[lead_rows[:, :num_registers]]
        return self.norm(registers).flatten(start_dim=1), packed[own_rows]


class HierarchicalViT(nn.Module):
    """Packed studies → series embeddings and study features."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = None if config.token_width is None else nn.Linear(config.token_width, config.sequence.width)
        self.sequence = RegisterViT(config.sequence, config.sequence_registers)
        self.context = (
            TokenContext(config.token_width, config.context) if config.context and config.token_width else None
        )
        self.evidence = (
            EvidencePool(config.context or config.sequence.width, config.evidence) if config.evidence else None
        )
        self.words = WordBag(config.words) if config.words else None
        self.series_project = nn.Linear(config.series_layout.width, config.study.width)
        self.study = RegisterViT(config.study, config.study_registers)
        self.joint_project = nn.Linear(config.feature_dim, config.joint_dim)
        self.series_name = _text_encoder(config.series_name, config.sequence.width)
        self.study_description = _text_encoder(config.study_description, config.study.width)

    def forward(self, batch: StudyBatch, backend: Backend | None = None) -> VisionOutput:
        """Features of every series and study of a batch.

        Args:
            batch: packed studies; tokens on the model's device, in any floating dtype.
            backend: the attention backend; the device's best when None.
        """
        backend = backend or best_backend(batch.tokens.device, self.series_project.weight.dtype)
        pooled, tokens, evidence = self.read_series(batch, backend)
        series, study = self.read_studies(
            pooled, batch.study_offsets, batch.study_text, batch.study_text_offsets, backend
        )
        return VisionOutput(series=series, study=study, tokens=tokens, evidence=evidence)

    def read_series(
        self, batch: StudyBatch, backend: Backend
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """The lower half: what the sequence ViT makes of every series.

        Returns:
            [S, P] vectors of the series (`series_layout`), [T, W] states of the tokens, and [T, E] their evidence.
        """
        names = _encode(self.series_name, batch.series_text, batch.series_text_offsets, backend)
        rows = batch.tokens.to(self.series_project.weight.dtype)
        embedded = rows if self.embed is None else self.embed(rows)
        pooled, tokens = self.sequence(embedded, batch.series_offsets.cpu(), names, backend)
        if self.config.moments:
            pooled = torch.cat([pooled, moments(rows, batch.series_offsets).to(pooled.dtype)], dim=1)
        if self.context is None:
            if self.evidence is None:
                return pooled, tokens, None
            evidence, of_series = self.evidence(tokens, batch.series_offsets)
            return torch.cat([pooled, of_series.to(pooled.dtype)], dim=1), tokens, evidence
        series = _owners(batch.series_offsets).to(rows.device)
        study_S = _owners(batch.study_offsets).to(rows.device)
        cells = series.new_zeros(len(series), len(CELLS_MM)) if batch.places is None else batch.places.to(rows.device)
        states = self.context(rows, series, study_S[series], cells)
        pooled = torch.cat([pooled, mean_of(states.float(), series, batch.num_series).to(pooled.dtype)], dim=1)
        if self.evidence is None:
            return pooled, tokens, None
        evidence, of_series = self.evidence(states, batch.series_offsets)
        parts = [of_series, agreed(evidence, study_S[series], cells[:, 0], batch.num_studies)[study_S]]
        if self.config.compared:
            parts.append(raised(evidence, batch.series_offsets.cpu()))
            parts.append(sided(evidence, study_S[series], cells[:, 1], batch.num_studies)[study_S])
        return torch.cat([pooled, *(part.to(pooled.dtype) for part in parts)], dim=1), tokens, evidence

    def read_studies(
        self,
        pooled_SP: torch.Tensor,
        offsets: torch.Tensor,
        text: torch.Tensor,
        text_offsets: torch.Tensor,
        backend: Backend,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The upper half: series embeddings [S, study width] and study features [B, feature_dim].

        Args:
            pooled_SP: of `read_series`.
            offsets: [B + 1] where each study's series start.
            text: character codes of the study descriptions.
            text_offsets: [B + 1].
            backend: the attention backend.
        """
        series = self.series_project(pooled_SP)
        descriptions = _encode(self.study_description, text, text_offsets, backend)
        study, _ = self.study(series, offsets.cpu(), descriptions, backend)
        beside = []
        if self.words is not None:
            beside.append(self.words(text, text_offsets))
        part, owner = self.config.series_layout, _owners(offsets).to(pooled_SP.device)
        if self.context is not None:
            context = pooled_SP[:, part.context].float()
            beside += [mean_of(context, owner), highest_of(context, owner)]
        if self.evidence is not None:
            beside.append(pool_series(pooled_SP[:, part.evidence].float(), offsets))
            if self.context is not None:
                beside.append(mean_of(pooled_SP[:, part.agreed].float(), owner))
            if self.config.compared:
                own, other = pooled_SP[:, part.compared].float().chunk(2, dim=1)
                beside += [highest_of(own, owner), mean_of(own, owner), mean_of(other, owner)]
        return series, torch.cat([study, *(extra.to(study.dtype) for extra in beside)], dim=1) if beside else study

    def project(self, study: torch.Tensor) -> torch.Tensor:
        """Study features [B, feature_dim] → the space shared with reports [B, joint_dim], not normalised."""
        result: torch.Tensor = self.joint_project(study)
        return result


@dataclass(frozen=True, kw_only=True, eq=False)
class VisionOutput:
    """What the vision model says of a batch.

    Args:
        series: [S, study width] embeddings of the series.
        study: [B, feature_dim] study features, the heads' input, not normalised.
        tokens: [T, sequence width] states of the tokens after the sequence ViT.
        evidence: [T, channels] float32 evidence of each token, None when the model has none.
    """

    series: torch.Tensor
    study: torch.Tensor
    tokens: torch.Tensor
    evidence: torch.Tensor | None = None


def _owners(offsets: torch.Tensor) -> torch.Tensor:
    """[n] index of the piece that each row lies in, from offsets [pieces + 1]."""
    sizes = offsets.diff()
    return torch.repeat_interleave(torch.arange(len(sizes), device=sizes.device), sizes)


def _text_encoder(config: TextEncoderConfig | None, width_out: int) -> TextEncoder | None:
    return None if config is None else TextEncoder(config, width_out)


def _encode(
    encoder: TextEncoder | None, text: torch.Tensor, offsets: torch.Tensor, backend: Backend
) -> torch.Tensor | None:
    if encoder is None:
        return None
    encoded: torch.Tensor = encoder(text, offsets.cpu(), backend)
    return encoded
