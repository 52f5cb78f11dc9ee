"""AdamW with weight decay on matrices alone, and the learning rate as a pure function of the step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from prima.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class OptimiserConfig:
    """AdamW, its schedule, and how gradients are clipped.

    Args:
        learning_rate: the highest, reached after the warm-up.
        weight_decay: on weights of linear and convolution layers; never on biases, norms, embeddings or registers.
        betas: decay of the two moments.
        epsilon: added to the denominator.
        clip_norm: a longer gradient is shortened to this length; None leaves it.
        warmup_steps: steps in which the learning rate rises in a straight line.
        schedule: after the warm-up fall along a cosine to `final_share` of the highest at the last step, or stay.
        final_share: see `schedule`.
        scales: (start of a parameter's name, factor of the learning rate); the first that fits counts.
    """

    learning_rate: float = 3e-4
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    epsilon: float = 1e-8
    clip_norm: float | None = 1.0
    warmup_steps: int = 100
    schedule: Literal["cosine", "constant"] = "cosine"
    final_share: float = 0.02
    scales: tuple[tuple[str, float], ...] = ()

    def rate(self, step: int, num_steps: int) -> float:
        """Learning rate of a step, 0 to `num_steps` − 1.

        Example:
            >>> config = OptimiserConfig(learning_rate=1.0, warmup_steps=2, final_share=0.0)
            >>> [round(config.rate(step, 5), 2) for step in range(5)]
            [0.5, 1.0, 1.0, 0.5, 0.0]
        """
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        if self.schedule == "constant":
            return self.learning_rate
        share = min((step - self.warmup_steps) / max(num_steps - 1 - self.warmup_steps, 1), 1.0)
        fall = (1 + math.cos(math.pi * share)) / 2
        return self.learning_rate * (self.final_share + (1 - self.final_share) * fall)


def make_optimiser(module: nn.Module, config: OptimiserConfig, device: torch.device) -> torch.optim.AdamW:
    """AdamW over the parameters that require gradients; groups carry their `scale` of the learning rate.

    Raises:
        UsageError: a name in `scales` fits no parameter.
    """
    decayed = _decayed(module)
    trained = [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]
    for start, _ in config.scales:
        if not any(name.startswith(start) for name, _ in trained):
            raise UsageError(f"scales: no trained parameter's name starts with {start!r}; expected one that exists")
    # parameters that are spread over ranks cannot be updated in one call with those that are not
    groups: dict[tuple[float, float, bool], list[nn.Parameter]] = {}
    for name, parameter in trained:
        scale = next((factor for start, factor in config.scales if name.startswith(start)), 1.0)
        decay = config.weight_decay if name in decayed else 0.0
        groups.setdefault((decay, scale, isinstance(parameter, DTensor)), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": held, "weight_decay": decay, "scale": scale} for (decay, scale, _), held in groups.items()],
        lr=config.learning_rate,
        betas=config.betas,
        eps=config.epsilon,
        fused=not any(spread for _, _, spread in groups) or device.type == "cuda",
    )


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every group."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["scale"]


def clip(gradients: list[torch.Tensor], norm: float, config: OptimiserConfig) -> None:
    """Shorten all gradients together, when their norm is above the limit."""
    if config.clip_norm is not None and norm > config.clip_norm:
        own = [gradient.to_local() if isinstance(gradient, DTensor) else gradient for gradient in gradients]
        torch._foreach_mul_(own, config.clip_norm / norm)


def _decayed(module: nn.Module) -> set[str]:
    """Names of the parameters with weight decay: weights with at least two axes, embeddings excepted."""
    return {
        f"{prefix}.{name}" if prefix else name
        for prefix, part in module.named_modules()
        if not isinstance(part, nn.Embedding)
        for name, parameter in part.named_parameters(recurse=False)
        if parameter.ndim >= 2 and name.endswith("weight")
    }
