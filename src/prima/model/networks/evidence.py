"""Evidence: what each token says of each finding, pooled over series and studies without attention.

A softened maximum lets one token speak for a study, which is what a small lesion needs; multiple-instance learning
pools so (Ilse et al., Attention-based Deep Multiple Instance Learning, ICML 2018, compares the ways).

Shape suffixes: T tokens, W width, S series, B studies, E channels of evidence.
"""

from __future__ import annotations

import torch
from torch import nn

from prima.model.networks.context import highest_of, mean_of
from prima.tokens.place import NUM_CELLS, mirrored

# Logits of rare findings run from about -15 to 10; what layers read should be of order one.
EVIDENCE_SCALE = 0.25
NUM_HIGHEST = 5
SPREAD_FLOOR = 0.25
"""Added to the deviation of a series' evidence, so that one without any says nothing."""


class EvidencePool(nn.Module):
    """Evidence of every token, and of each series: the softened maximum over its tokens, and their mean."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, channels)
        nn.init.normal_(self.linear.weight, std=0.02)
        nn.init.constant_(self.linear.bias, -4.0)

    def forward(self, tokens_TW: torch.Tensor, offsets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Token states and the offsets [S + 1] of series → [T, E] and [S, 2·E], in float32."""
        evidence: torch.Tensor = self.linear(self.norm(tokens_TW)).float()
        device = evidence.device
        sizes = offsets.diff()
        owner = torch.repeat_interleave(torch.arange(len(sizes), device=sizes.device), sizes).to(device)
        index = owner.unsqueeze(1).expand(-1, evidence.shape[1])
        shape = (len(sizes), evidence.shape[1])
        highest = evidence.new_full(shape, -torch.inf).scatter_reduce(0, index, evidence.detach(), "amax")
        raised = (evidence - highest[owner]).exp()
        soft = highest + evidence.new_zeros(shape).index_add(0, owner, raised).log()
        mean = evidence.new_zeros(shape).index_add(0, owner, evidence) / sizes.to(device).unsqueeze(1)
        return evidence, torch.cat([soft, mean], dim=1) * EVIDENCE_SCALE


def pool_series(series_SE: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """Evidence of studies from that of their series [S, 2·E], offsets [B + 1]: highest of the softened maxima, mean of
    the means → [B, 2·E]."""
    sizes = offsets.diff()
    owner = torch.repeat_interleave(torch.arange(len(sizes), device=sizes.device), sizes).to(series_SE.device)
    soft, mean = series_SE.chunk(2, dim=1)
    shape = (len(sizes), soft.shape[1])
    index = owner.unsqueeze(1).expand(-1, soft.shape[1])
    highest = soft.new_full(shape, -torch.inf).scatter_reduce(0, index, soft, "amax")
    means = soft.new_zeros(shape).index_add(0, owner, mean) / sizes.to(series_SE.device).unsqueeze(1)
    return torch.cat([highest, means], dim=1)


def agreed(evidence_TE: torch.Tensor, study_T: torch.Tensor, cell_T: torch.Tensor, num_studies: int) -> torch.Tensor:
    """Evidence of studies on which a place agrees: the softened maximum, over the cells of the head, of the mean over
    the tokens of all series in a cell → [B, E]. One odd token is a token among twenty there, a lesion is most of them.

    Args:
        evidence_TE: of every token.
        study_T: number of each token's study.
        cell_T: its cell of the head, below `NUM_CELLS`.
        num_studies: B; each has tokens.
    """
    places, place_T = torch.unique(study_T * NUM_CELLS + cell_T, return_inverse=True)
    means = mean_of(evidence_TE, place_T, len(places))
    owner = places // NUM_CELLS
    highest = highest_of(means.detach(), owner, num_studies)
    raised = (means - highest[owner]).exp()
    return (highest + means.new_zeros(highest.shape).index_add(0, owner, raised).log()) * EVIDENCE_SCALE


def raised(evidence_TE: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """How far a series' strongest places stand out of it: the mean of its five highest tokens less the mean of all, in
    deviations of its tokens → [S, E]. What raises all tokens of a series alike, as a scanner does, is no evidence.
    """
    parts = []
    for rows in torch.split(evidence_TE, offsets.diff().tolist()):
        middle = rows.mean(0)
        spread = (rows - middle).square().mean(0).add(SPREAD_FLOOR**2).sqrt()
        parts.append((rows.topk(min(NUM_HIGHEST, len(rows)), dim=0).values.mean(0) - middle) / spread)
    return torch.stack(parts) * EVIDENCE_SCALE


def sided(evidence_TE: torch.Tensor, study_T: torch.Tensor, cell_T: torch.Tensor, num_studies: int) -> torch.Tensor:
    """How far a place differs from its mirror: the softened maximum, over cells of the head whose mirrored cell has
    tokens too, of the difference of their means → [B, E]; 0 where a study has no such pair.

    Args:
        evidence_TE: of every token.
        study_T: number of each token's study.
        cell_T: its cell of the finer grid.
        num_studies: B.
    """
    places, place_T = torch.unique(study_T * NUM_CELLS + cell_T, return_inverse=True)
    means = mean_of(evidence_TE, place_T, len(places))
    owner, cells = places // NUM_CELLS, places % NUM_CELLS
    wanted = owner * NUM_CELLS + mirrored(cells)
    index = torch.searchsorted(places, wanted).clamp_max(len(places) - 1)
    paired = (places[index] == wanted) & (wanted != places)
    difference = (means - means[index])[paired]
    owner = owner[paired]
    highest = highest_of(difference.detach(), owner, num_studies).clamp_min(0)
    above = (difference - highest[owner]).exp()
    total = means.new_zeros(highest.shape).index_add(0, owner, above)
    return (highest + total.clamp_min(1.0).log()) * EVIDENCE_SCALE


def moments(rows_TC: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """Mean, spread and maximum of token rows [T, C] over each series, offsets [S + 1] → [S, 3·C] in float32.

    Nothing is learnt here, so nothing has to be: what the tokenizer knows reaches the study from the first update on.
    """
    rows = rows_TC.float()
    sizes = offsets.diff()
    owner = torch.repeat_interleave(torch.arange(len(sizes), device=sizes.device), sizes).to(rows.device)
    count = sizes.to(rows.device).unsqueeze(1)
    shape = (len(sizes), rows.shape[1])
    mean = rows.new_zeros(shape).index_add(0, owner, rows) / count
    square = rows.new_zeros(shape).index_add(0, owner, (rows - mean[owner]).square()) / count
    index = owner.unsqueeze(1).expand(-1, rows.shape[1])
    highest = rows.new_full(shape, -torch.inf).scatter_reduce(0, index, rows, "amax")
    return torch.cat([mean, (square + 1e-6).sqrt(), highest], dim=1)
