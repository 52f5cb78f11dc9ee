"""The VQ-VAE that turns a patch of voxels into a latent: its encoder, and the decoder and codebook for training.

The architecture is that of the published tokenizer (a MONAI `VQVAE` with strided convolutions and residual units);
parameter names are ours, `model/convert` holds the table. Predicting needs only the encoder: the model reads the
latent *before* quantisation.

Shape suffixes: N patches, C channels, then z, y, x.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import nn

from prima.files.strict_json import read_json


@dataclass(frozen=True, kw_only=True)
class VQVAEConfig:
    """Sizes of the tokenizer.

    Args:
        channels: feature channels after each down-sampling.
        residual_channels: hidden channels of the residual units of each level.
        num_residual_layers: residual units per level.
        downsample: (stride, kernel, dilation, padding) per level.
        upsample: (stride, kernel, dilation, padding, output padding) per level.
        num_codes: entries of the codebook.
        code_dim: channels of the latent.
        flat_slices: 0: convolutions are three-dimensional. Otherwise the slices of a patch, so many, are channels and
            convolutions run in the plane: for thin patches, whose slices lie far apart.
    """

    channels: tuple[int, ...] = (256, 256)
    residual_channels: tuple[int, ...] = (256, 256)
    num_residual_layers: int = 2
    downsample: tuple[tuple[int, int, int, int], ...] = ((2, 4, 1, 1), (2, 2, 1, 0))
    upsample: tuple[tuple[int, int, int, int, int], ...] = ((2, 4, 1, 1, 0), (2, 2, 1, 0, 0))
    num_codes: int = 8192
    code_dim: int = 2
    flat_slices: int = 0

    def to_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Read the values back; unknown, missing or odd ones are an error."""
        return read_json(cls, values, "tokenizer")

    @property
    def channels_in(self) -> int:
        """Channels of the first convolution, and of what the decoder gives."""
        return max(1, self.flat_slices)

    @property
    def reduction(self) -> int:
        """By how much the encoder shrinks each axis."""
        product = 1
        for stride, *_ in self.downsample:
            product *= stride
        return product


class ResidualUnit(nn.Module):
    """relu(x + conv(relu(conv(x)))) with two convolutions of extent 3."""

    def __init__(self, channels: int, hidden: int, *, flat: bool = False) -> None:
        super().__init__()
        conv = nn.Conv2d if flat else nn.Conv3d
        self.conv1 = conv(channels, hidden, 3, padding=1)
        self.conv2 = conv(hidden, channels, 3, padding=1)

    def forward(self, x_NCzyx: torch.Tensor) -> torch.Tensor:
        """[N, C, z, y, x] → the same shape."""
        hidden = torch.relu_(self.conv1(x_NCzyx))
        return torch.relu_(self.conv2(hidden).add_(x_NCzyx)) if not self.training else self._forward_train(x_NCzyx)

    def _forward_train(self, x_NCzyx: torch.Tensor) -> torch.Tensor:
        return torch.relu(x_NCzyx + self.conv2(torch.relu(self.conv1(x_NCzyx))))


class Encoder(nn.Module):
    """Patch → latent before quantisation."""

    def __init__(self, config: VQVAEConfig) -> None:
        super().__init__()
        self.config = config
        levels: list[nn.Module] = []
        flat = config.flat_slices > 0
        conv = nn.Conv2d if flat else nn.Conv3d
        channels_in = config.channels_in
        for channels, hidden, (stride, kernel, dilation, padding) in zip(
            config.channels, config.residual_channels, config.downsample, strict=True
        ):
            down = conv(channels_in, channels, kernel, stride, padding, dilation)
            units = [ResidualUnit(channels, hidden, flat=flat) for _ in range(config.num_residual_layers)]
            levels.append(nn.ModuleDict({"down": down, "units": nn.Sequential(*units)}))
            channels_in = channels
        self.levels = nn.ModuleList(levels)
        self.to_latent = conv(channels_in, config.code_dim, 3, padding=1)

    def forward(self, patches_N1zyx: torch.Tensor) -> torch.Tensor:
        """[N, 1, z, y, x] scaled voxels → [N, code_dim, z/r, y/r, x/r] with r the config's reduction.

        A flat encoder takes slices along z and gives [N, code_dim, y/r, x/r].
        """
        x = patches_N1zyx.squeeze(1) if self.config.flat_slices else patches_N1zyx
        for level in self.levels:
            assert isinstance(level, nn.ModuleDict)
            x = level["units"](torch.relu(level["down"](x)))
        latent: torch.Tensor = self.to_latent(x)
        return latent


class Decoder(nn.Module):
    """Quantised latent → patch."""

    def __init__(self, config: VQVAEConfig) -> None:
        super().__init__()
        channels = tuple(reversed(config.channels))
        hidden = tuple(reversed(config.residual_channels))
        self.config = config
        flat = config.flat_slices > 0
        conv_up = nn.ConvTranspose2d if flat else nn.ConvTranspose3d
        self.from_latent = (nn.Conv2d if flat else nn.Conv3d)(config.code_dim, channels[0], 3, padding=1)
        levels: list[nn.Module] = []
        for index, (stride, kernel, dilation, padding, output_padding) in enumerate(config.upsample):
            units = [ResidualUnit(channels[index], hidden[index], flat=flat) for _ in range(config.num_residual_layers)]
            channels_out = channels[index + 1] if index + 1 < len(channels) else config.channels_in
            up = conv_up(channels[index], channels_out, kernel, stride, padding, output_padding, dilation=dilation)
            levels.append(nn.ModuleDict({"units": nn.Sequential(*units), "up": up}))
        self.levels = nn.ModuleList(levels)

    def forward(self, latent_NCzyx: torch.Tensor) -> torch.Tensor:
        """[N, code_dim, z, y, x] → [N, 1, z·r, y·r, x·r]."""
        x: torch.Tensor = self.from_latent(latent_NCzyx)
        for index, level in enumerate(self.levels):
            assert isinstance(level, nn.ModuleDict)
            x = level["up"](level["units"](x))
            if index + 1 < len(self.levels):
                x = torch.relu(x)
        return x.unsqueeze(1) if self.config.flat_slices else x


class VQVAE(nn.Module):
    """Encoder, codebook and decoder under one roof; the codebook's statistics belong to training."""

    def __init__(self, config: VQVAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.codebook = nn.Embedding(config.num_codes, config.code_dim)
        self.decoder = Decoder(config)

    def quantise(self, latent_NCzyx: torch.Tensor) -> torch.Tensor:
        """Index [N, z, y, x] of the nearest code of each latent vector (squared Euclidean distance)."""
        rows = latent_NCzyx.movedim(1, -1)
        flat = rows.reshape(-1, self.config.code_dim)
        nearest = [torch.cdist(chunk, self.codebook.weight).argmin(dim=1) for chunk in torch.split(flat, 1024)]
        return torch.cat(nearest).reshape(rows.shape[:-1])

    def decode(self, index_Nzyx: torch.Tensor) -> torch.Tensor:
        """Code indices [N, z, y, x] → patches [N, 1, …]."""
        codes: torch.Tensor = self.codebook(index_Nzyx)
        decoded: torch.Tensor = self.decoder(codes.movedim(-1, 1))
        return decoded
