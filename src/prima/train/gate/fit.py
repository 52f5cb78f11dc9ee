"""Training of the input gate: views of many things in, a small network and its operating point out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from prima.model.gate.admit import STEPS
from prima.model.gate.network import GateConfig, GateNetwork
from prima.model.gate.view import NUM_PIXELS
from prima.train.gate.augment import Augmentation, augmented


@dataclass(frozen=True, kw_only=True)
class GateRecipe:
    """How the gate is trained.

    Args:
        steps, batch: of the optimiser.
        fresh: views of a batch that are newly changed; the others are drawn from the last `remembered` ones, for
            changing a view costs more than learning from it.
        brain_share: of the fresh views.
        kept: share of brains that the operating point keeps.
    """

    config: GateConfig = field(default_factory=GateConfig)
    augmentation: Augmentation = field(default_factory=Augmentation)
    steps: int = 1000
    batch: int = 32
    fresh: int = 12
    remembered: int = 480
    brain_share: float = 0.5
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.02
    kept: float = 0.995
    seed: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class GateViews:
    """Views to train on or to measure with.

    Args:
        voxels: [N, m, m, m] uint8, `STEPS` of them are 1; m is not smaller than the gate's views.
        outlines: [N, m, m, m / 8] uint8, packed bits of what is brain; zeros where that is not known.
        kinds: [N] numbers of `GateConfig.kinds`.
        subkinds: [N] what exactly.
        studies: [N] the study of each.
    """

    voxels: NDArray[np.uint8]
    outlines: NDArray[np.uint8]
    kinds: NDArray[np.int64]
    subkinds: NDArray[np.str_]
    studies: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.kinds)

    def where(self, chosen: NDArray[np.bool_]) -> GateViews:
        """Some of them."""
        return GateViews(
            voxels=self.voxels[chosen],
            outlines=self.outlines[chosen],
            kinds=self.kinds[chosen],
            subkinds=self.subkinds[chosen],
            studies=self.studies[chosen],
        )

    def voxels_of(self, indices: NDArray[np.int64]) -> Tensor:
        """[n, m, m, m] float32, 1 is bright."""
        return torch.from_numpy(self.voxels[indices]).float() / STEPS

    def outlines_of(self, indices: NDArray[np.int64]) -> Tensor:
        """[n, m, m, m] bool."""
        return torch.from_numpy(np.unpackbits(self.outlines[indices], axis=-1).astype(bool))


def fit_gate(
    views: GateViews,
    recipe: GateRecipe,
    on_step: Callable[[int, float], None] = lambda _step, _loss: None,
    *,
    start: GateNetwork | None = None,
) -> GateNetwork:
    """Train on changed views, half of them brains, the other kinds in equal parts.

    Args:
        views: what to train on.
        recipe: how.
        on_step: is told the number of each step and its loss.
        start: a network of the recipe's sizes to go on from, which is changed; None starts anew.

    Raises:
        RuntimeError: the loss is not finite.
    """
    torch.manual_seed(recipe.seed)
    network = GateNetwork(recipe.config) if start is None else start.train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=recipe.steps, pct_start=0.15
    )
    random = torch.Generator().manual_seed(recipe.seed)
    chance = torch.from_numpy(_chances(views.kinds, recipe.brain_share))
    memory = _Memory(recipe.remembered)
    for step in range(recipe.steps):
        count = recipe.fresh if memory.count >= recipe.batch else recipe.batch
        indices = torch.multinomial(chance, count, replacement=True, generator=random).numpy()
        changed_views = augmented(views.voxels_of(indices), views.outlines_of(indices), random, recipe.augmentation)
        batch, kinds = memory.mixed(changed_views, torch.from_numpy(views.kinds[indices]), recipe.batch, random)
        loss = functional.cross_entropy(network(batch), kinds, label_smoothing=recipe.label_smoothing)
        if not torch.isfinite(loss):
            raise RuntimeError(f"step {step}: found a loss that is not finite, expected a number; lower the rate")
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
        on_step(step, float(loss.detach()))
    return network.eval()


def with_more_kinds(network: GateNetwork, config: GateConfig, known: tuple[str, ...]) -> GateNetwork:
    """A network that goes on from a trained one and knows further kinds, which it finds unlikely at first.

    Args:
        network: trained, with outputs for `known`.
        config: of the new network; only `kinds` may differ.
        known: kinds of the trained network.
    """
    torch.manual_seed(0)
    result = GateNetwork(config)
    weights = result.state_dict()
    trained_weights = network.state_dict()
    *_, last = (name.removesuffix(".bias") for name in weights if name.endswith(".bias"))
    for name, value in trained_weights.items():
        if name.startswith(last):
            for row, kind in enumerate(config.kinds):
                weights[name][row] = value[known.index(kind)] if kind in known else 0.1 * weights[name][row] - 0.05
        else:
            weights[name] = value
    result.load_state_dict(weights)
    return result


class _Memory:
    """The last changed views with their kinds."""

    def __init__(self, size: int) -> None:
        self.views = torch.zeros((size, NUM_PIXELS, NUM_PIXELS, NUM_PIXELS))
        self.kinds = torch.zeros(size, dtype=torch.int64)
        self.count, self.next = 0, 0

    def mixed(self, seen: Tensor, kinds: Tensor, batch: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """New views with remembered ones to fill a batch; the new ones are remembered."""
        again = torch.randint(max(1, self.count), (batch - len(seen),), generator=random)
        result = torch.cat([seen, self.views[again]]), torch.cat([kinds, self.kinds[again]])
        place = (self.next + torch.arange(len(seen))) % len(self.views)
        self.views[place], self.kinds[place] = seen, kinds
        self.next = int(place[-1]) + 1
        self.count = min(len(self.views), self.count + len(seen))
        return result


def _chances(kinds: NDArray[np.int64], brain_share: float) -> NDArray[np.float64]:
    """How likely each view is drawn: brains are kind 0."""
    present = [int(kind) for kind in np.unique(kinds) if kind != 0]
    result = np.zeros(len(kinds))
    result[kinds == 0] = brain_share / max(1, int((kinds == 0).sum()))
    for kind in present:
        result[kinds == kind] = (1 - brain_share) / len(present) / int((kinds == kind).sum())
    return result


@torch.inference_mode()
def kind_shares(
    network: GateNetwork, views: GateViews, *, changed: Augmentation | None = None, seed: int = 0
) -> NDArray[np.float32]:
    """[N, kinds] probabilities, of the views as they are or changed at random."""
    random = torch.Generator().manual_seed(seed)
    results = []
    for first in range(0, len(views), 32):
        indices = np.arange(first, min(len(views), first + 32))
        voxels = views.voxels_of(indices)
        if changed is None:
            edge = (voxels.shape[1] - NUM_PIXELS) // 2
            inside = slice(edge, edge + NUM_PIXELS)
            inner_views = voxels[:, inside, inside, inside]
        else:
            inner_views = augmented(voxels, views.outlines_of(indices), random, changed)
        results.append(network(inner_views).softmax(1).numpy())
    return np.concatenate(results)


def threshold_keeping(brain: NDArray[np.floating], kept: float) -> float:
    """The highest probability that at least a share of brains reaches, rounded down.

    Args:
        brain: [N] probabilities of views that are brains.
        kept: the share of them, 0..1.

    Example:
        >>> threshold_keeping(np.array([0.2, 0.8, 0.9, 0.99]), 0.75)
        0.8
    """
    ordered = np.sort(np.asarray(brain, np.float64))
    refused = int(np.floor((1 - kept) * len(ordered) + 1e-9))
    return float(np.floor(ordered[refused] * 1e4) / 1e4)
