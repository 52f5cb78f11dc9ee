"""Training of the gate: what changing a view keeps, what is drawn, and that it learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from prima.model.gate.network import KINDS, GateConfig
from prima.model.gate.view import BRIGHTEST, NUM_PIXELS
from prima.train.gate.augment import Augmentation, augmented
from prima.train.gate.fit import GateRecipe, GateViews, fit_gate, kind_shares, threshold_keeping, with_more_kinds

NOTHING = Augmentation(
    turn_deg=0, shift_mm=0, scale=0, stretch=0, bend_mm=0, other_axes=0, mirrored=0, stripped=0, defaced=0, contrast=0,
    gamma=0, slab=0, blurred=0, shaded=0, noisy=0, beside=0,
)  # fmt: skip
STORED = 56


def balls(count: int) -> GateViews:
    """Balls, which stand for brains, and blocks for bodies."""
    axis = np.arange(STORED) - (STORED - 1) / 2
    far = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2)
    block = np.maximum(np.maximum(abs(axis)[:, None, None], abs(axis)[:, None]), abs(axis))
    kinds = np.arange(count) % 2
    sizes = 16 + np.arange(count) % 5
    voxels = np.stack(
        [170 * np.clip(1.5 - (block if kind else far) / size, 0, 1) for kind, size in zip(kinds, sizes, strict=True)]
    )
    inside = np.stack([far < 9] * count) & (kinds == 0)[:, None, None, None]
    return GateViews(
        voxels=voxels.astype(np.uint8),
        outlines=np.packbits(inside, axis=-1),
        kinds=kinds.astype(np.int64),
        subkinds=np.array(["ball", "block"] * (count // 2)),
        studies=np.arange(count).astype(str),
    )


def changed(how: Augmentation, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    views, numbers = balls(4), np.arange(4)
    random = torch.Generator().manual_seed(seed)
    voxels = views.voxels_of(numbers)
    edge = (STORED - NUM_PIXELS) // 2
    inside = slice(edge, edge + NUM_PIXELS)
    return voxels[:, inside, inside, inside], augmented(voxels, views.outlines_of(numbers), random, how)


def test_no_change_leaves_the_view_up_to_its_brightness() -> None:
    before, after = changed(NOTHING)
    for one, other in zip(before, after, strict=True):
        assert 0.8 < float(other.max()) < 1.2
        assert torch.allclose(other / other.max(), one, atol=1e-3)


@pytest.mark.parametrize("name", [name for name in Augmentation.__dataclass_fields__ if name != "mirrored"])
def test_every_change_changes_and_stays_a_view(name: str) -> None:
    size = {"turn_deg": 20, "shift_mm": 20, "bend_mm": 10, "other_axes": 0}.get(name, 1)
    before, after = changed(replace(NOTHING, **{name: size}))
    assert after.shape == before.shape
    assert after.isfinite().all()
    assert float(after.min()) >= 0
    assert float(after.max()) <= BRIGHTEST
    levelled = after / after.flatten(1).amax(1).view(-1, 1, 1, 1)
    assert name == "other_axes" or not torch.allclose(levelled, before, atol=0.05)


def test_without_a_skull_only_the_brain_is_left() -> None:
    before, after = changed(replace(NOTHING, stripped=1.0))
    assert (after[0] > 0).sum() < 0.6 * (before[0] > 0).sum()
    assert (after[1] > 0).sum() == (before[1] > 0).sum()  # its outline is not known


def test_the_same_seed_gives_the_same_views() -> None:
    assert torch.equal(changed(Augmentation())[1], changed(Augmentation())[1])
    assert not torch.equal(changed(Augmentation())[1], changed(Augmentation(), seed=1)[1])


def test_it_learns_and_repeats_itself() -> None:
    views = balls(12)
    recipe = GateRecipe(
        config=GateConfig(widths=(4, 4, 8), hidden=8), augmentation=NOTHING, steps=40, batch=8, fresh=4, remembered=16,
        learning_rate=6e-3,
    )  # fmt: skip
    losses: list[float] = []
    network = fit_gate(views, recipe, lambda _, loss: losses.append(loss))
    shares = kind_shares(network, views)
    assert shares.shape == (12, len(KINDS))
    assert (shares[views.kinds == 0, 0].min()) > (shares[views.kinds == 1, 0].max())
    again: list[float] = []
    fit_gate(views, replace(recipe, steps=3), lambda _, loss: again.append(loss))
    other: list[float] = []
    fit_gate(views, replace(recipe, steps=3), lambda _, loss: other.append(loss))
    assert again == other


@pytest.mark.parametrize(("kept", "expected"), [(1.0, 0.0), (0.995, 0.005), (0.9, 0.1), (0.5, 0.5)])
def test_the_threshold_keeps_what_was_asked(kept: float, expected: float) -> None:
    brain = np.arange(1000) / 1000
    found = threshold_keeping(brain, kept)
    assert found == pytest.approx(expected)
    assert (brain >= found).mean() >= kept


def test_a_gate_with_more_kinds_goes_on_from_a_trained_one() -> None:
    """What it knew it still tells apart in the same way; training changes the network that it is given."""
    known = GateConfig(kinds=("brain", "body"))
    trained = fit_gate(balls(8), GateRecipe(config=known, steps=3, batch=4, fresh=4, remembered=8))
    config = replace(known, kinds=("brain", "map", "body"))
    start = with_more_kinds(trained, config, known.kinds)
    seen = torch.rand((2, NUM_PIXELS, NUM_PIXELS, NUM_PIXELS))
    with torch.inference_mode():
        before, after = trained(seen), start(seen)
    assert torch.allclose(before, after[:, [0, 2]], atol=1e-6)
    weights = {name: value.clone() for name, value in start.state_dict().items()}
    recipe = GateRecipe(config=config, steps=2, batch=4, fresh=4, remembered=8)
    result = fit_gate(balls(8), recipe, start=start)
    assert result is start
    assert any((weights[name] != value).any() for name, value in result.state_dict().items())
