"""The network of the input gate: three convolutions, what they find anywhere, and one small perceptron."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

KINDS = ("brain", "body", "phantom", "fruit", "ct", "nothing", "nuclear", "map")
"""What a series can be of; the columns of the network's output."""

# Shapes: B series, W width, D x H x W' voxels of a view.


@dataclass(frozen=True, kw_only=True)
class GateConfig:
    """Sizes of the network."""

    widths: tuple[int, ...] = (12, 24, 48)
    hidden: int = 48
    kinds: tuple[str, ...] = KINDS

    def to_json(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


class GateNetwork(nn.Module):
    """Logits [B, kinds] of views [B, D, H, W']."""

    def __init__(self, config: GateConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width_in = 1
        for width in config.widths:
            layers += [
                nn.Conv3d(width_in, width, 3, stride=2, padding=1, bias=False),
                nn.GroupNorm(4, width),
                nn.ReLU(),
            ]
            width_in = width
        layers += [nn.Conv3d(width_in, width_in, 3, padding=1, bias=False), nn.GroupNorm(4, width_in), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Linear(2 * width_in, config.hidden), nn.ReLU(), nn.Linear(config.hidden, len(config.kinds))
        )

    def forward(self, views: Tensor) -> Tensor:
        """Logits of each kind."""
        features = self.features(views.unsqueeze(1)).flatten(2)
        logits: Tensor = self.head(torch.cat([features.mean(dim=2), features.amax(dim=2)], dim=1))
        return logits
