"""Contrastive batches larger than memory: gradient caching (Gao et al. 2021, arXiv 2101.06983).

A contrast needs the embeddings of the whole batch at once, but not their graphs. So every micro-batch is embedded
without a graph; the loss over all embeddings gives each its gradient; then every micro-batch is embedded once more, now
with its graph, and takes that gradient. The result is that of one large batch, for one more forward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

import torch

Part = TypeVar("Part")
Embeddings = dict[str, torch.Tensor]
Losses = dict[str, torch.Tensor]


def cached_backward(
    parts: Sequence[Part],
    embed: Callable[[Part], tuple[Embeddings, Losses]],
    contrast: Callable[[Embeddings], Losses],
    *,
    last: Callable[[bool], AbstractContextManager[object]] | None = None,
) -> Losses:
    """Put the gradients of one large batch into the parameters, a micro-batch at a time.

    Args:
        parts: the micro-batches, in the order of the large batch.
        embed: a micro-batch → its named embeddings [b, …] (b may differ between names), and the named losses that
            need no other micro-batch (weighted so that their sum over micro-batches is the batch's). It is called
            twice on each with the same random numbers (CPU and the current accelerator), and must change nothing.
        contrast: embeddings of all micro-batches, put end to end by name → named, weighted losses. Its own parameters
            (a scale, a bias) get their gradients too. Integer entries are passed on without gradient.
        last: given whether a micro-batch is the last one, the context of its second pass, for data-parallel wrappers
            that should wait for the others once per batch: `lambda last: nullcontext() if last else ddp.no_sync()`.
            Parameters of the contrast itself belong outside such a wrapper; see `gather.average_gradients`.

    Returns:
        The named losses of the batch, detached.
    """
    states: list[RandomState] = []
    collected: list[Embeddings] = []
    with torch.no_grad():
        for part in parts:
            states.append(RandomState.now())
            collected.append(embed(part)[0])
    leaves = [{name: _leaf(embedding) for name, embedding in embeddings.items()} for embeddings in collected]
    whole = {name: torch.cat([embeddings[name] for embeddings in leaves]) for name in leaves[0]}
    losses = contrast(whole)
    _backward(list(losses.values()))
    logged = {name: loss.detach() for name, loss in losses.items()}
    del losses, whole
    after_contrast = RandomState.now()
    for index, (part, state, embeddings) in enumerate(zip(parts, states, leaves, strict=True)):
        state.restore()
        with last(index == len(parts) - 1) if last is not None else nullcontext():
            again, own = embed(part)
            pairs = [(again[name], leaf.grad) for name, leaf in embeddings.items() if leaf.grad is not None]
            _backward([*own.values(), *(_flat_product(embedding, grad) for embedding, grad in pairs)])
        for name, loss in own.items():
            logged[name] = logged[name] + loss.detach() if name in logged else loss.detach()
    after_contrast.restore()  # as if each part had been embedded once
    return logged


def _leaf(embedding: torch.Tensor) -> torch.Tensor:
    return embedding.detach().requires_grad_(embedding.is_floating_point())


def _flat_product(embedding: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
    """A number whose gradient with respect to the embedding is `grad`."""
    return (embedding * grad).sum()


def _backward(terms: list[torch.Tensor]) -> None:
    terms = [term for term in terms if term.requires_grad]
    if terms:
        torch.autograd.backward(terms)


@dataclass(frozen=True, eq=False)
class RandomState:
    """The state of the random generators that a forward pass may use: the CPU's, and the current accelerator's."""

    cpu: torch.Tensor
    cuda: torch.Tensor | None

    @classmethod
    def now(cls) -> RandomState:
        """The state at this moment."""
        cuda = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
        return cls(cpu=torch.get_rng_state(), cuda=cuda)

    def restore(self) -> None:
        """Set the generators back to it."""
        torch.set_rng_state(self.cpu)
        if self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda)
