"""Gradient caching gives the gradients of one large batch, randomness included."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from prima.train.study.gradient_cache import Embeddings, Losses, cached_backward
from prima.train.study.losses import Contrast, ContrastConfig

SIZES = [(4, 4, 4), (1, 5, 6), (12,)]


class Towers(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.image = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 8))
        self.text = nn.Linear(5, 8)
        self.contrast = Contrast(ContrastConfig(objective="siglip"))

    def embed(self, part: tuple[torch.Tensor, torch.Tensor]) -> tuple[Embeddings, Losses]:
        image, text = part
        study = self.image(image)
        own = {"dense": 0.1 * study.square().sum()}
        return {"study": study, "report": self.text(text), "group": torch.arange(len(image))}, own

    def compare(self, whole: Embeddings) -> Losses:
        assert not whole["group"].is_floating_point()
        return {"contrast": self.contrast(whole["study"], whole["report"])}

    def gradients(self) -> dict[str, torch.Tensor]:
        return {name: one.grad.clone() for name, one in self.named_parameters() if one.grad is not None}


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    return torch.randn(12, 6, generator=random), torch.randn(12, 5, generator=random)


def one_batch(towers: Towers, parts: list[tuple[torch.Tensor, torch.Tensor]]) -> Losses:
    """Every part embedded with its graph, all at once in memory."""
    pieces = [towers.embed(part) for part in parts]
    whole = {name: torch.cat([embeddings[name] for embeddings, _ in pieces]) for name in pieces[0][0]}
    losses = towers.compare(whole) | {"dense": torch.stack([own["dense"] for _, own in pieces]).sum()}
    torch.stack(list(losses.values())).sum().backward()
    return {name: loss.detach() for name, loss in losses.items()}


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_gradients_are_those_of_one_batch(
    batch: tuple[torch.Tensor, torch.Tensor], sizes: tuple[int, ...], dropout: float
) -> None:
    parts = list(zip(*(one.split(list(sizes)) for one in batch), strict=True))
    plain, cached = Towers(dropout), Towers(dropout)
    torch.manual_seed(7)
    expected = one_batch(plain, parts)
    next_expected = torch.rand(1)
    torch.manual_seed(7)
    losses = cached_backward(parts, cached.embed, cached.compare)
    assert torch.rand(1) == next_expected  # the random state goes on as if each part had been embedded once
    torch.testing.assert_close(losses, expected)
    assert len(plain.gradients()) == len(list(plain.parameters()))
    torch.testing.assert_close(cached.gradients(), plain.gradients(), atol=1e-6, rtol=1e-5)


def test_another_draw_in_the_second_pass_would_be_seen(batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    """The dropout of these towers is strong enough that the test above would fail without the same random numbers."""
    towers = Towers(0.5)
    first, second = (towers.embed(batch)[0]["study"] for _ in range(2))
    assert (first - second).abs().max() > 0.1


def test_gradients_add_up_over_calls_as_backward_does(batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    towers = Towers(0.0)
    cached_backward([batch], towers.embed, towers.compare)
    once = towers.gradients()
    cached_backward([batch], towers.embed, towers.compare)
    torch.testing.assert_close(towers.gradients(), {name: 2 * one for name, one in once.items()})
