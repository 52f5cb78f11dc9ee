"""The hierarchical model in training: the vision model, the report encoder, and the heads that supervise it.

Shape suffixes: T tokens, S series, B studies, D diagnoses, J joint width.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy_of

from prima.errors import UsageError
from prima.model.networks.report_encoder import ReportEncoder, ReportEncoderConfig, Texts
from prima.model.networks.vision import HierarchicalViT, VisionConfig, VisionOutput
from prima.study.ontology import DIAGNOSES, PRIORITIES, SERVICES
from prima.tokens.batch import StudyBatch
from prima.train.study.losses import Contrast, ContrastConfig

# A rare finding's logit at the start: one in fifty, as in an archive.
FIRST_BIAS = -4.0


@dataclass(frozen=True, kw_only=True)
class StudyModelConfig:
    """What is trained together.

    Args:
        vision: sizes of the vision model.
        report: sizes of the report encoder, None for a model without reports.
        contrast: between studies and reports.
        labels: whether studies are supervised with labels, priority and referrals as well.
        dense: whether tokens and series are supervised with masks; the first channels of the vision model's evidence
            are then those of the diagnoses.
    """

    vision: VisionConfig
    report: ReportEncoderConfig | None
    contrast: ContrastConfig = field(default_factory=ContrastConfig)
    labels: bool = True
    dense: bool = False

    def __post_init__(self) -> None:
        if self.dense and self.vision.evidence < len(DIAGNOSES):
            raise UsageError(
                f"dense supervision: found {self.vision.evidence} channels of evidence, expected at least "
                f"{len(DIAGNOSES)}; raise vision.evidence"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyTargets:
    """What is known of the studies of a batch.

    Args:
        labels: [B, D] 1, 0, NaN.
        priority: [B] number of the level, -1 when not known.
        referrals: [B, services] 1, 0, NaN.
        groups: [B] equal for studies that say the same.
        text_rows: [n] places in the batch of the studies that have a text, in the order of the texts.
        studies: [S] number of the study (or patient) that each series belongs to.
        token_targets, token_weights: [T, D], None without masks.
        series_targets, series_weights: [S, D], None without masks.
    """

    labels: torch.Tensor
    priority: torch.Tensor
    referrals: torch.Tensor
    groups: torch.Tensor
    text_rows: torch.Tensor
    studies: torch.Tensor
    token_targets: torch.Tensor | None = None
    token_weights: torch.Tensor | None = None
    series_targets: torch.Tensor | None = None
    series_weights: torch.Tensor | None = None

    def to(self, device: torch.device) -> StudyTargets:
        """The same targets on a device."""
        moved = {
            field.name: None if value is None else value.to(device, non_blocking=True)
            for field in fields(self)
            for value in [getattr(self, field.name)]
        }
        return StudyTargets(**moved)  # type: ignore[arg-type]


class StudyModel(nn.Module):
    """Vision model, report encoder and supervising heads under one roof; only the first is released."""

    def __init__(self, config: StudyModelConfig) -> None:
        super().__init__()
        vision = config.vision
        self.config = config
        self.vision = HierarchicalViT(vision)
        self.report = None if config.report is None else ReportEncoder(config.report)
        self.contrast = Contrast(config.contrast)
        self.diagnoses = _head(vision.feature_dim, len(DIAGNOSES)) if config.labels else None
        self.priority = nn.Linear(vision.feature_dim, len(PRIORITIES)) if config.labels else None
        self.referrals = _head(vision.feature_dim, len(SERVICES)) if config.labels else None
        self.series_head = _head(vision.study.width, len(DIAGNOSES)) if config.dense else None

    def forward(self, batch: StudyBatch, texts: Texts | None) -> tuple[VisionOutput, torch.Tensor, torch.Tensor | None]:
        """Features, study embeddings [B, J] and report embeddings [B, J] (None without texts)."""
        output = self.vision(batch)
        reports = self.report(texts) if self.report is not None and texts is not None else None
        return output, self.vision.project(output.study), reports

    def supervised(self, output: VisionOutput, targets: StudyTargets) -> dict[str, torch.Tensor]:
        """Losses that need no other study, as means over the studies of the batch."""
        losses = self.supervised_study(output.study, targets)
        if self.config.dense and output.evidence is not None and targets.token_targets is not None:
            logits = output.evidence[:, : len(DIAGNOSES)]
            loss = cross_entropy_of(logits, targets.token_targets, weight=targets.token_weights, reduction="sum")
            losses["tokens"] = loss / len(logits)
        if self.series_head is not None and targets.series_targets is not None:
            logits = self.series_head(output.series.float())
            loss = cross_entropy_of(logits, targets.series_targets, weight=targets.series_weights, reduction="sum")
            losses["series"] = loss / len(logits)
        return losses

    def supervised_study(self, study_BF: torch.Tensor, targets: StudyTargets) -> dict[str, torch.Tensor]:
        """Losses of the study features alone: labels, priority, referrals."""
        losses: dict[str, torch.Tensor] = {}
        study = study_BF.float()
        if self.diagnoses is not None and self.priority is not None and self.referrals is not None:
            losses["labels"] = known_mean(self.diagnoses(study), targets.labels)
            losses["referrals"] = known_mean(self.referrals(study), targets.referrals)
            known = targets.priority >= 0
            per_study = nn.functional.cross_entropy(
                self.priority(study), targets.priority.clamp_min(0), reduction="none"
            )
            losses["priority"] = (per_study * known).mean()
        return losses


def known_mean(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy summed over the columns that are known, averaged over studies."""
    known = ~targets.isnan()
    per_label = cross_entropy_of(logits, targets.nan_to_num(), reduction="none")
    return (per_label * known).sum(dim=1).mean()


def _head(width: int, outputs: int) -> nn.Linear:
    head = nn.Linear(width, outputs)
    nn.init.normal_(head.weight, std=0.02)
    nn.init.constant_(head.bias, FIRST_BIAS)
    return head
