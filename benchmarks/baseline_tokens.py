"""Bags of tokens: what a frozen tokenizer alone is worth, without positions and without attention.

Pooled: mean, spread and maximum of the latents of each kind of series. Codes: how often each of 256 clusters of
latents occurs in each kind. Both are read by logistic regression; `baseline_bag` learns the pooling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from baseline_data import KINDS, Part, kind_of
from numpy.typing import NDArray

from prima.errors import UnreadableError
from prima.tokens.contract import PLANE_AXIS
from prima.train.data.patch_file import read_patches
from prima.train.data.token_folder import TokenFolder

NUM_CODES = 256
_SAMPLE = 60_000
_CHUNK = 16_384


@dataclass(frozen=True, kw_only=True, eq=False)
class Bag:
    """The tokens of a study.

    Args:
        latents: [tokens, width] bfloat16.
        kinds: [tokens] number of the kind of series.
        planes: [tokens] array axis of the slices.
    """

    latents: torch.Tensor
    kinds: torch.Tensor
    planes: torch.Tensor


def bags_of(part: Part, folder: Path) -> list[Bag]:
    """The tokens of all studies of a part, in its order.

    Args:
        part: which studies.
        folder: of tokens, with a folder for each part: files of `write_part`, or of `write_patches` with the bits of
            bfloat16 latents in place of voxels, named as the files of patches.

    Raises:
        UnreadableError: a study's tokens are missing or damaged.
    """
    place = folder / part.name
    if any(place.glob("*.tokens")):
        examples = TokenFolder(place, only=part.study_uids)
        number = {uid: index for index, uid in enumerate(examples.study_uids)}
        return [_from_series(examples, number[uid]) for uid in part.study_uids]
    found = []
    for file, uid in zip(part.files, part.study_uids, strict=True):
        study = read_patches(place / file.name)
        if study.facts["study_uid"] != uid:
            raise UnreadableError(f"{place.name}/{file.name}: found tokens of another study; make the tokens again")
        counts = np.diff(study.offsets)
        kinds = np.repeat([KINDS.index(kind_of(name)) for name in study.names], counts)
        found.append(
            Bag(
                latents=torch.from_numpy(study.voxels).view(torch.bfloat16),
                kinds=torch.from_numpy(kinds),
                planes=torch.from_numpy(np.repeat(study.planes, counts).astype(np.int64)),
            )
        )
    return found


def has_tokens(part: Part, folder: Path) -> bool:
    """Whether there are tokens of the whole part."""
    place = folder / part.name
    if any(place.glob("*.tokens")):
        return set(part.study_uids) <= set(TokenFolder(place).study_uids)
    return all((place / file.name).exists() for file in part.files)


def _from_series(examples: TokenFolder, number: int) -> Bag:
    series = examples.read(number).tokens.series
    counts = torch.tensor([len(one.latents) for one in series])
    return Bag(
        latents=torch.cat([one.latents.flatten(1).to(torch.bfloat16) for one in series]),
        kinds=torch.tensor([KINDS.index(kind_of(one.name)) for one in series]).repeat_interleave(counts),
        planes=torch.tensor([PLANE_AXIS[one.plane] for one in series]).repeat_interleave(counts),
    )


def pooled(bags: Sequence[Bag]) -> NDArray[np.float32]:
    """[n, kinds × (3 × width + 1)] mean, spread, maximum and presence of each kind; the mean study's where absent."""
    width = bags[0].latents.shape[1]
    found = np.full((len(bags), len(KINDS), 3 * width), np.nan, np.float32)
    for row, bag in enumerate(bags):
        for kind in bag.kinds.unique().tolist():
            x = bag.latents[bag.kinds == kind].float()
            found[row, kind] = torch.cat([x.mean(0), x.std(0, unbiased=False), x.amax(0)]).numpy()
    return found


def filled(found: NDArray[np.float32], train: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pooled features without gaps: of a kind that a study lacks, the mean of the training studies that have it."""
    there = ~np.isnan(train[..., 0])
    mean = np.where(np.isnan(train), 0, train).sum(0) / np.maximum(there.sum(0), 1)[:, None]
    absent = np.isnan(found[..., 0])
    full = np.where(absent[..., None], mean[None], found)
    return np.concatenate([full.reshape(len(found), -1), absent.astype(np.float32)], 1).astype(np.float32)


def codebook_of(bags: Sequence[Bag], seed: int = 0) -> torch.Tensor:
    """[codes, width] clusters of a sample of the training tokens, by k-means."""
    random = torch.Generator().manual_seed(seed)
    each = max(1, _SAMPLE // len(bags))
    x = torch.cat([bag.latents[torch.randperm(len(bag.latents), generator=random)[:each]] for bag in bags]).float()
    codes = x[torch.randperm(len(x), generator=random)[:NUM_CODES]].clone()
    for _ in range(15):
        nearest = _nearest(x, codes)
        count = torch.bincount(nearest, minlength=len(codes))
        total = torch.zeros_like(codes).index_add_(0, nearest, x)
        empty = count == 0
        codes = total / count.clamp_min(1)[:, None]
        codes[empty] = x[torch.randint(len(x), (int(empty.sum()),), generator=random)]
    return codes


def histograms(bags: Sequence[Bag], codes: torch.Tensor) -> NDArray[np.float32]:
    """[n, kinds × codes] square root of each code's share among the tokens of a kind; 0 where a study lacks it."""
    found = np.zeros((len(bags), len(KINDS), len(codes)), np.float32)
    for row, bag in enumerate(bags):
        cell = bag.kinds * len(codes) + _nearest(bag.latents.float(), codes)
        count = torch.bincount(cell, minlength=len(KINDS) * len(codes)).view(len(KINDS), -1).float()
        found[row] = (count / count.sum(1, keepdim=True).clamp_min(1)).sqrt().numpy()
    return found.reshape(len(bags), -1)


def _nearest(x: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    half = codes.square().sum(1) / 2
    return torch.cat([(half - some @ codes.T).argmin(1) for some in x.split(_CHUNK)])
