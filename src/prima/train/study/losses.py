"""What the hierarchical ViT is trained with: study against report, and series of a study against those of others.

Every loss is summed over this process' rows and scaled so that the mean over processes is the loss of the whole batch;
see `gather`. Pairs of rows are worked through in chunks with their gradients, so memory grows linearly with the batch.

Shape suffixes: b rows of this process, B rows of all processes, J joint width.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import normalize

from prima.files.strict_json import read_json
from prima.train.engine.gather import Gathered, gather
from prima.train.study.pair_loss import Alike, Kind, Pairs, pair_loss

PUBLISHED_SCALE = math.exp(0.07)
"""The start of the published training: 0.07 was meant as a temperature and taken as a log-scale, so 1.07."""


@dataclass(frozen=True, kw_only=True)
class ContrastConfig:
    """The contrast between studies and reports.

    Args:
        objective: "clip" (softmax over the batch, both ways) or "siglip" (each pair by itself).
        scale: logit scale at the start, learnt from there; 1/0.07 as in CLIP (`PUBLISHED_SCALE` for the published one).
            SigLIP's authors start at 10.
        largest_scale: the learnt scale is cut here.
        bias: SigLIP's bias at the start, learnt from there; −10 makes the many negatives cheap at first.
        alike: what two studies of one group (say, two normal ones) are to each other: "negative" as in plain CLIP,
            "ignored" (neither), or "positive" (targets shared between them).
        chunk: rows whose logits are held at once.
    """

    objective: Literal["clip", "siglip"] = "clip"
    scale: float = 1 / 0.07
    largest_scale: float = 100.0
    bias: float = -10.0
    alike: Alike = "ignored"
    chunk: int = 256

    def to_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Read the values back; unknown, missing or odd ones are an error."""
        return read_json(cls, values, "contrast")


class Contrast(nn.Module):
    """Study i and report i attract, others repel: CLIP (arXiv 2103.00020) or SigLIP (arXiv 2303.15343)."""

    def __init__(self, config: ContrastConfig) -> None:
        super().__init__()
        self.config = config
        self.log_scale = nn.Parameter(torch.tensor(math.log(config.scale)))
        self.bias = nn.Parameter(torch.tensor(config.bias)) if config.objective == "siglip" else None

    @property
    def scale(self) -> torch.Tensor:
        """The factor of the cosines, at most `largest_scale`."""
        return self.log_scale.exp()

    def forward(
        self, study_bJ: torch.Tensor, report_bJ: torch.Tensor, groups_b: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The loss of a batch.

        Args:
            study_bJ: [b, J] study embeddings, of any length; they are normalised here, in float32. b may be 0,
                but every process must call.
            report_bJ: [b, J] report embeddings, likewise.
            groups_b: [b] int64 of `group_numbers`, equal for studies that are alike; all different when None.

        Returns:
            A number; its mean over processes is the loss of the whole batch.
        """
        with torch.no_grad():  # a scale that was pushed over its limit can still come back
            self.log_scale.clamp_(max=math.log(self.config.largest_scale))
        with torch.autocast(study_bJ.device.type, enabled=False):
            study = gather(normalize(study_bJ.float(), dim=1))
            report = gather(normalize(report_bJ.float(), dim=1))
            groups = None if groups_b is None else gather(groups_b).rows
            own = slice(study.start, study.start + len(study_bJ))

            def pairs(keys: Gathered, kind: Kind) -> Pairs:
                alike, chunk = self.config.alike, self.config.chunk
                return Pairs(kind=kind, alike=alike, groups=groups, start=keys.start, chunk=chunk)

            if self.bias is not None:
                total = pair_loss(study.rows[own], report.rows, self.scale, self.bias, pairs(report, "sigmoid"))
            else:
                study_to_report = pair_loss(study.rows[own], report.rows, self.scale, None, pairs(report, "softmax"))
                report_to_study = pair_loss(report.rows[own], study.rows, self.scale, None, pairs(study, "softmax"))
                total = (study_to_report + report_to_study) / 2
            return total * study.num_processes / max(1, len(study.rows))


def series_discrimination(
    series_sW: torch.Tensor, groups_s: torch.Tensor, *, temperature: float = 0.1, chunk: int = 256
) -> torch.Tensor:
    """Series of one group (a study, or all studies of a patient) attract, all others repel.

    For each series that has a companion: minus the mean log-probability of its companions among all other series
    (InfoNCE with several positives, arXiv 2004.11362). The published training adds it with weight 0.03.

    Args:
        series_sW: [s, W] series embeddings of this process, of any length.
        groups_s: [s] int64 of `group_numbers`, of the study's or the patient's identifier.
        temperature: divides the cosines; 0.1 published.
        chunk: rows whose logits are held at once.

    Returns:
        A number; its mean over processes is the loss of the whole batch. Zero when no series has a companion.
    """
    with torch.autocast(series_sW.device.type, enabled=False):
        series = gather(normalize(series_sW.float(), dim=1))
        groups = gather(groups_s).rows
        member, sizes = torch.unique(groups, return_inverse=True, return_counts=True)[1:]
        num_anchors = (sizes[member] > 1).sum().clamp(min=1)
        own = series.rows[series.start : series.start + len(series_sW)]
        pairs = Pairs(kind="softmax", alike="companions", groups=groups, start=series.start, chunk=chunk)
        total = pair_loss(own, series.rows, series.rows.new_tensor(1 / temperature), None, pairs)
        mean: torch.Tensor = total * series.num_processes / num_anchors
        return mean


def group_numbers(identifiers: Sequence[str]) -> torch.Tensor:
    """[n] int64 numbers of identifiers, the same on every process and in every run (BLAKE2, not Python's salted hash).

    Example:
        >>> a, b, c = group_numbers(["1.2.3", "1.2.4", "1.2.3"]).tolist()
        >>> (a == c, a == b, a)
        (True, False, 1118420534085646056)
    """
    digests = (hashlib.blake2b(identifier.encode(), digest_size=8).digest() for identifier in identifiers)
    return torch.tensor([int.from_bytes(digest, "big") >> 1 for digest in digests], dtype=torch.int64)


def alike_groups(sentences: Sequence[Sequence[str]], labels: NDArray[np.float32] | None = None) -> torch.Tensor:
    """Groups of studies that a contrast should not push apart: those whose summaries say the same.

    Two summaries say the same when their sentences are equal, whatever their order, case and punctuation. All studies
    whose labels are known and all absent form one group, however their report puts it.

    Args:
        sentences: the summary of each of n studies.
        labels: [n, diagnoses] 1 present, 0 absent, NaN not known; None to go by the summaries alone.

    Returns:
        [n] int64 group numbers.
    """
    plain = ["\n".join(sorted({_plain(sentence) for sentence in summary})) for summary in sentences]
    if labels is not None:
        normal = (labels == 0).all(axis=1)
        plain = ["" if is_normal else text for text, is_normal in zip(plain, normal, strict=True)]
    return group_numbers(plain)


def _plain(sentence: str) -> str:
    return " ".join("".join(character if character.isalnum() else " " for character in sentence.lower()).split())
