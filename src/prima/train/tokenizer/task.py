"""The first stage: a VQ-VAE on patches, by itself or with dense supervision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from prima.errors import UnreadableError
from prima.tokens.contract import Contract
from prima.train.data.patch_file import StudyPatches, read_dense, read_patches
from prima.train.engine.task import Split, StepState
from prima.train.tokenizer.augment import PatchAugmentation
from prima.train.tokenizer.batches import draw_patches
from prima.train.tokenizer.dense import STUDIES_COUNTED, DenseConfig, positive_weights
from prima.train.tokenizer.model import PatchBatch, TokenModel, TokenModelConfig

KEPT_BYTES = 6 * 2**30


@dataclass(frozen=True, kw_only=True)
class TokenizerTaskConfig:
    """What the tokenizer learns from, and how much each loss counts.

    Args:
        model: the network.
        dense: how masks become targets; only with a dense head.
        patches_per_study: drawn from a study each time it comes.
        weights: factor of each loss.
        augmentation: how patches are changed in training, None for not at all.
        permute_axes: turn the three axes of a batch in training at random, as published: one encoder for all planes.
            Not for flat ones, which see every plane turned to the front.
    """

    model: TokenModelConfig
    dense: DenseConfig = field(default_factory=DenseConfig)
    patches_per_study: int = 1200
    weights: Mapping[str, float] = field(
        default_factory=lambda: {"reconstruction": 5.0, "commitment": 1.0, "dense": 0.15}
    )
    augmentation: PatchAugmentation | None = None
    permute_axes: bool = False


class TokenizerTask:
    """A `Task` over folders of files of patches.

    Args:
        train: the files to learn from.
        validation: files of other patients.
        config: see there.
        contract: how the patches were cut.
    """

    def __init__(
        self, train: Sequence[Path], validation: Sequence[Path], config: TokenizerTaskConfig, contract: Contract
    ) -> None:
        if not train:
            raise UnreadableError("patches to learn from: found no file *.npz; make some first")
        self.files: dict[Split, list[Path]] = {"train": list(train), "validation": list(validation)}
        self.config = config
        self.contract = contract
        self.kept: dict[Path, StudyPatches] = {}
        self.kept_bytes = 0
        self.model = TokenModel(config.model, latent_width(config.model, contract))
        if config.model.vqvae.flat_slices:
            self.model.vqvae.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.positive_weights: torch.Tensor | None = None
        if self.model.dense_head is not None:
            counted = (read_dense(path) for path in train[:: max(1, len(train) // STUDIES_COUNTED)])
            self.positive_weights = positive_weights(counted, config.model.num_diagnoses, config.dense)

    @property
    def module(self) -> nn.Module:
        """The VQ-VAE with its codebook's statistics and the dense head."""
        return self.model

    @property
    def weights(self) -> Mapping[str, float]:
        """Factor of each loss."""
        kept = {"reconstruction", "commitment"} | ({"dense"} if self.model.dense_head is not None else set())
        return {name: weight for name, weight in self.config.weights.items() if name in kept}

    def num_tokens(self, split: Split) -> NDArray[np.int64]:
        """As many as are drawn of each study."""
        return np.full(len(self.files[split]), self.config.patches_per_study, np.int64)

    def collate(self, indices: Sequence[int], step: StepState) -> PatchBatch:
        """Draw patches of some studies."""
        studies = [self._read(self.files[step.split][index]) for index in indices]
        dense = self.config.dense if self.model.dense_head is not None else None
        random = step.random(indices[0], "patches")
        num_patches = self.config.patches_per_study
        heavy = self.positive_weights
        changed = self.config.augmentation if step.is_training else None
        batch = draw_patches(
            studies, num_patches, random, self.contract, dense, positive_weights=heavy, augmentation=changed
        )
        voxels = batch.voxels.repeat_interleave(self.contract.encoder_slices // self.contract.patch_slices, dim=2)
        if self.config.permute_axes and step.is_training:
            voxels = voxels.permute(0, 1, *(2 + random.permutation(3)).tolist()).contiguous()
        return replace(batch, voxels=voxels)

    def _read(self, path: Path) -> StudyPatches:
        """A study's file; as many as fit stay in memory, because few tokens of each are drawn at a time."""
        study = self.kept.get(path)
        if study is None:
            study = read_patches(path)
            if self.kept_bytes + study.voxels.nbytes <= KEPT_BYTES:
                self.kept_bytes += study.voxels.nbytes
                self.kept[path] = study
        return study

    def losses(self, batch: PatchBatch, step: StepState) -> dict[str, torch.Tensor]:
        """Reconstruction, commitment and, with a dense head, what lies in each token."""
        return dict(self.model.losses(batch, step.generator(0, "codes"), step.autocast))

    def measure(self, batches: Iterable[PatchBatch], step: StepState) -> dict[str, float]:
        """Peak signal-to-noise ratio of the reconstruction in dB, dense loss, use of the codebook."""
        squared, dense, count = 0.0, 0.0, 0
        for batch in batches:
            with step.autocast():
                latent = self.model.vqvae.encoder(batch.voxels).float()
            index = self.model.vqvae.quantise(latent)
            with step.autocast():
                decoded = self.model.vqvae.decode(index).float()
            squared += float((decoded - batch.voxels).square().mean())
            dense += float(self.model.losses(batch, None, step.autocast).get("dense", 0.0))
            count += 1
        used, perplexity = self.model.quantiser.usage()
        measured = {"psnr_db": -10 * float(np.log10(squared / count)), "codes_used": used, "perplexity": perplexity}
        return measured | ({"loss": dense / count} if self.model.dense_head is not None else {})


def latent_width(config: TokenModelConfig, contract: Contract) -> int:
    """Numbers of the latent of one patch, flattened.

    Example:
        >>> from prima.tokens.contract import PUBLISHED
        >>> from prima.tokens.vqvae import VQVAEConfig
        >>> latent_width(TokenModelConfig(vqvae=VQVAEConfig()), PUBLISHED)
        256
    """
    shape = contract.encoder_shape("axial")
    sizes = shape[1:] if config.vqvae.flat_slices else shape
    return config.vqvae.code_dim * int(np.prod([size // config.vqvae.reduction for size in sizes]))
