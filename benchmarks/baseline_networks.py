"""The two networks among the baselines: a plain 3D CNN on volumes, and a learnt pooling of a bag of tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from baseline_data import KINDS, NUM_OUTPUTS
from baseline_tokens import Bag
from baseline_volumes import CHANNELS
from numpy.typing import NDArray
from torch import nn

from prima.train.data.patch_file import STEPS

NETWORKS = ("resnet18", "resnet10", "densenet121")
TOKENS_DRAWN = 1024


class VolumeNetwork(nn.Module):
    """A network of MONAI on [b, channels, z, y, x] bytes; a second set of channels says which series there are.

    The residual networks have half the published widths and a stem of 3³, stride 2: on one processor they see a study
    some ten times as often as the published ones would.
    """

    def __init__(self, kind: str, prior: torch.Tensor) -> None:
        super().__init__()
        from monai.networks.nets.densenet import DenseNet121
        from monai.networks.nets.resnet import ResNet, ResNetBlock

        channels = 2 * len(CHANNELS)
        if kind == "densenet121":
            dense = DenseNet121(spatial_dims=3, in_channels=channels, out_channels=NUM_OUTPUTS)
            self.body: nn.Module = dense
            last: nn.Module | None = dense.get_submodule("class_layers.out")
        else:
            residual = ResNet(
                ResNetBlock,
                [1, 1, 1, 1] if kind == "resnet10" else [2, 2, 2, 2],
                [32, 64, 128, 256],
                spatial_dims=3,
                n_input_channels=channels,
                conv1_t_size=3,
                conv1_t_stride=2,
                num_classes=NUM_OUTPUTS,
            )
            self.body, last = residual, residual.fc
        _start_at(last, prior)
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def forward(self, volumes: torch.Tensor) -> torch.Tensor:
        there = volumes.flatten(2).amax(2) > 0
        mask = there[:, :, None, None, None].expand_as(volumes)
        x = torch.cat([volumes, mask.to(volumes.dtype)], 1).contiguous(memory_format=torch.channels_last_3d)
        # On processors float32: the bfloat16 weight gradient of small 3D convolutions is NaN now and then (torch 2.13).
        with torch.autocast(x.device.type, torch.bfloat16, enabled=x.device.type != "cpu"):
            logits: torch.Tensor = self.body(x)
        return logits.float()


def augmented(volumes: NDArray[np.uint8], random: np.random.Generator) -> torch.Tensor:
    """[b, channels, z, y, x] float32: mirrored left to right, shifted by up to two cells, brighter or darker, some
    series left out (one in twelve)."""
    found = torch.from_numpy(volumes).float() / STEPS
    for row in range(len(found)):
        x = found[row].flip(3) if random.random() < 0.5 else found[row]
        for axis in (1, 2, 3):
            by = int(random.integers(-2, 3))
            if by:
                x = x.roll(by, axis)
                x.narrow(axis, 0 if by > 0 else x.shape[axis] + by, abs(by)).zero_()
        scale = random.normal(0, 0.1, len(x)).clip(-0.3, 0.3)
        scale = np.exp(scale) * (random.random(len(x)) >= 1 / 12)
        found[row] = x * torch.from_numpy(scale.astype(np.float32))[:, None, None, None]
    return found


def logits_of_volumes(network: nn.Module, volumes: NDArray[np.uint8], device: torch.device) -> NDArray[np.float32]:
    """[n, outputs]."""
    found = []
    with torch.inference_mode():
        for start in range(0, len(volumes), 16):
            x = torch.from_numpy(volumes[start : start + 16]).to(device).float() / STEPS
            found.append(network(x).cpu().numpy())
    return np.concatenate(found) if found else np.zeros((0, NUM_OUTPUTS), np.float32)


class BagNetwork(nn.Module):
    """Deep sets (Zaheer et al. 2017): an MLP for each token with its kind and plane, then mean and maximum."""

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self, mean: torch.Tensor, spread: torch.Tensor, prior: torch.Tensor, width: int = 256) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)
        self.first = nn.Linear(len(mean), width)
        self.kind, self.plane = nn.Embedding(len(KINDS), width), nn.Embedding(3, width)
        self.token = nn.Sequential(nn.GELU(), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.study = nn.Sequential(
            nn.LayerNorm(2 * width), nn.Dropout(0.2), nn.Linear(2 * width, width), nn.GELU(), nn.Dropout(0.2)
        )
        self.head = nn.Linear(width, NUM_OUTPUTS)
        _start_at(self.head, prior)

    def forward(
        self, latents: torch.Tensor, kinds: torch.Tensor, planes: torch.Tensor, study: torch.Tensor
    ) -> torch.Tensor:
        with torch.autocast(latents.device.type, torch.bfloat16):
            x = (latents.float() - self.mean) / self.spread
            x = self.token(self.first(x) + self.kind(kinds) + self.plane(planes)).float()
        num = int(study[-1]) + 1
        index = study[:, None].expand_as(x)
        mean = x.new_zeros(num, x.shape[1]).scatter_reduce(0, index, x, "mean", include_self=False)
        most = x.new_zeros(num, x.shape[1]).scatter_reduce(0, index, x, "amax", include_self=False)
        logits: torch.Tensor = self.head(self.study(torch.cat([mean, most], 1)))
        return logits


def draw_bags(
    bags: Sequence[Bag], random: np.random.Generator | None, drawn: int = TOKENS_DRAWN
) -> tuple[torch.Tensor, ...]:
    """A batch for `BagNetwork`: all tokens, or, with a stream of chance, some of each study and some series' none."""
    pieces = []
    for number, bag in enumerate(bags):
        rows = torch.arange(len(bag.latents))
        if random is not None:
            kept = torch.from_numpy(random.random(len(KINDS)) >= 1 / 12)[bag.kinds]
            rows = rows[kept] if bool(kept.any()) else rows
            rows = rows[torch.from_numpy(random.permutation(len(rows))[:drawn])]
        study = torch.full((len(rows),), number)
        pieces.append((bag.latents[rows], bag.kinds[rows], bag.planes[rows], study))
    return tuple(torch.cat(one) for one in zip(*pieces, strict=True))


def logits_of_bags(network: nn.Module, bags: Sequence[Bag], device: torch.device) -> NDArray[np.float32]:
    """[n, outputs]."""
    found = []
    with torch.inference_mode():
        for start in range(0, len(bags), 8):
            batch = draw_bags(bags[start : start + 8], None)
            found.append(network(*(one.to(device) for one in batch)).cpu().numpy())
    return np.concatenate(found) if found else np.zeros((0, NUM_OUTPUTS), np.float32)


def spread_of(bags: Sequence[Bag]) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation [width] of the latents of the training studies."""
    x = torch.cat([bag.latents[::16] for bag in bags]).float()
    return x.mean(0), x.std(0).clamp_min(1e-4)


def _start_at(last: nn.Module | None, prior: torch.Tensor) -> None:
    """Begin with what the prevalence alone says."""
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.weight.mul_(0.1)
        last.bias.copy_(prior)
