"""What a token learns of its series and of its place."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from prima.errors import ReleaseError
from prima.model.networks.context import TokenContext, highest_of, mean_of
from prima.model.networks.evidence import EVIDENCE_SCALE, SPREAD_FLOOR, agreed, raised, sided
from prima.model.networks.transformer import TransformerConfig
from prima.model.networks.vision import HierarchicalViT, TextEncoderConfig, VisionConfig
from prima.model.networks.word_bag import WordBag, words_of
from prima.tokens.batch import SeriesTokens, StudyTokens, offsets_of, pack
from prima.tokens.contract import CENTRE_INDEX, OPEN, PUBLISHED
from prima.tokens.place import CELLS_PER_AXIS, NUM_CELLS, mirrored, places_of
from prima.tokens.text import encode_text

ROW = 4 + 3 * OPEN.position_dims + 3
SIZES = TransformerConfig(width=16, depth=1, heads=1, head_dim=16, mlp_dim=16)
TEXT = TextEncoderConfig(embedding=6, position_dims=10, transformer=SIZES)
CONFIG = VisionConfig(
    sequence=SIZES, sequence_registers=2, study=SIZES, study_registers=2, series_name=TEXT, study_description=TEXT,
    joint_dim=8, token_width=ROW, evidence=5, moments=True, context=12, words=7,
)  # fmt: skip


def series(plane: str, centre: tuple[int, int, int], num: int, seed: int) -> SeriesTokens:
    """A row of tokens along x, the first at a place in the head given in patches from its centre."""
    patch = torch.tensor(OPEN.patch_shape(plane))
    at = torch.tensor([[*centre[:2], centre[2] + step] for step in range(num)])
    latents = torch.randn(num, 4, generator=torch.Generator().manual_seed(seed))
    return SeriesTokens(
        latents=latents, coordinates=((at + 32) * patch).int(), plane=plane, name=f"S{seed}", num_patches=num
    )


def study(*parts: SeriesTokens, text: str = "MRI BRAIN. 63-year-old female. Seizure") -> StudyTokens:
    return StudyTokens(series=parts, description=text)


def vision(config: VisionConfig = CONFIG) -> HierarchicalViT:
    torch.manual_seed(0)
    return HierarchicalViT(config).eval()


def test_pooling_is_that_of_each_group() -> None:
    x, group = torch.randn(7, 3), torch.tensor([0, 2, 0, 1, 2, 2, 0])
    for number in range(3):
        torch.testing.assert_close(mean_of(x, group)[number], x[group == number].mean(0))
        torch.testing.assert_close(highest_of(x, group)[number], x[group == number].amax(0))


def test_a_token_sees_its_series_and_its_place_and_nothing_else() -> None:
    torch.manual_seed(0)
    net = TokenContext(5, 8)
    rows = torch.randn(6, 5, requires_grad=True)
    series_T, study_T = torch.tensor([0, 0, 1, 1, 2, 2]), torch.tensor([0, 0, 0, 0, 1, 1])
    cells = torch.tensor([3, 4, 3, 9, 3, 9])[:, None].expand(-1, 2)
    net(rows, series_T, study_T, cells)[0].sum().backward()
    assert rows.grad is not None
    # Its series and place, and through the place's other token that one's series; never another study.
    assert (rows.grad.abs().sum(1) > 0).tolist() == [True, True, True, True, False, False]


def test_series_that_show_one_place_in_two_planes_share_its_cell() -> None:
    axial = series("axial", (0, 0, 0), 1, 0)
    coronal = series("coronal", (0, 0, 0), 1, 1)
    wide = [places_of(one.coordinates, one.plane, OPEN)[:, 0] for one in (axial, coronal)]
    assert torch.equal(*wide)


def test_neighbouring_slabs_share_the_wide_cell_and_not_the_narrow_one() -> None:
    coordinates = torch.tensor([[64 + 2 * slab, 512, 512] for slab in range(-14, 14)])
    wide, narrow = places_of(coordinates, "axial", OPEN).unbind(1)
    assert len(wide.unique()) < len(narrow.unique()) <= len(coordinates)
    assert int((wide[1:] == wide[:-1]).sum()) > int((narrow[1:] == narrow[:-1]).sum())


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_every_place_is_a_cell(plane: str) -> None:
    coordinates = torch.randint(0, 1024, (500, 3))
    found = places_of(coordinates, plane, OPEN)
    assert found.dtype == torch.int64
    assert int(found.min()) >= 0 and int(found.max()) < NUM_CELLS
    assert not places_of(coordinates, plane, PUBLISHED).any()


def test_a_studys_feature_is_the_same_alone_and_in_a_batch() -> None:
    one = study(series("axial", (0, 0, 0), 9, 0), series("sagittal", (1, 0, 0), 5, 1))
    other = study(series("coronal", (0, 1, 0), 7, 2), text="")
    net = vision()
    together = net(pack([one, other], OPEN)).study
    alone = torch.cat([net(pack([single], OPEN)).study for single in (one, other)])
    assert together.shape == (2, CONFIG.feature_dim)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_what_one_series_shows_changes_the_evidence_of_another_at_the_same_place_only() -> None:
    axial = series("axial", (0, 0, 0), 2, 0)
    far = replace(axial, coordinates=axial.coordinates + torch.tensor([0, 80, 0]).int())
    flair, changed = series("coronal", (0, 0, 0), 1, 1), series("coronal", (0, 0, 0), 1, 2)
    net = vision()

    def evidence(first: SeriesTokens, second: SeriesTokens) -> torch.Tensor:
        found = net(pack([study(first, second)], OPEN)).evidence
        assert found is not None
        own: torch.Tensor = found[: first.num_tokens]
        return own

    assert not torch.equal(evidence(axial, flair), evidence(axial, changed))
    torch.testing.assert_close(evidence(far, flair), evidence(far, changed))


def test_a_place_agrees_and_one_odd_token_does_not() -> None:
    study = torch.tensor([0] * 12 + [1] * 12)
    cell = torch.tensor([0] * 6 + [1] * 6).repeat(2)
    evidence = torch.full((24, 1), -4.0)
    evidence[:6] = 4.0  # all tokens of a place of the first study
    evidence[12] = 12.0  # one token of a place of the second
    found = agreed(evidence, study, cell, 2)
    by_hand = [torch.tensor([4.0, -4.0]), torch.tensor([(12 - 5 * 4) / 6, -4.0])]
    torch.testing.assert_close(found[:, 0] / EVIDENCE_SCALE, torch.stack([one.logsumexp(0) for one in by_hand]))
    assert found[0] > found[1]


def test_what_stands_out_of_a_series_does_not_move_with_the_series() -> None:
    torch.manual_seed(0)
    rows = torch.randn(40, 3)
    rows[7:12, 0] += 6
    offsets = torch.tensor([0, 30, 40])
    found = raised(rows, offsets)
    torch.testing.assert_close(found, raised(rows + 5.0, offsets))
    assert found[0].argmax() == 0
    spread = (rows[:30, 0].var(unbiased=False) + SPREAD_FLOOR**2).sqrt()
    by_hand = (rows[:30, 0].sort().values[-5:].mean() - rows[:30, 0].mean()) / spread
    torch.testing.assert_close(found[0, 0], by_hand * EVIDENCE_SCALE)
    assert raised(rows[:2], torch.tensor([0, 2])).shape == (1, 3)  # fewer tokens than are looked at


def test_a_side_differs_from_the_other_and_a_midline_from_nothing() -> None:
    middle = 100 * CELLS_PER_AXIS + CELLS_PER_AXIS // 2
    cell = torch.tensor([middle - 2, middle + 2, middle, middle - 1] * 2)
    study = torch.tensor([0] * 4 + [1] * 4)
    evidence = torch.tensor([3.0, -1.0, 9.0, 9.0, 2.0, 2.0, 9.0, 9.0])[:, None]
    found = sided(evidence, study, cell, 3)[:, 0] / EVIDENCE_SCALE
    pair = torch.tensor([4.0, -4.0]).logsumexp(0)
    torch.testing.assert_close(found, torch.stack([pair, torch.tensor(2.0).log(), torch.tensor(0.0)]))
    torch.testing.assert_close(sided(evidence + 7, study, cell, 3)[:, 0] / EVIDENCE_SCALE, found)


def test_tokens_of_one_cut_lie_in_mirrored_cells() -> None:
    """Of an axial series that is centred, each column of tokens has its mirror, wherever the middle falls."""
    patch = torch.tensor(OPEN.patch_shape("axial"))
    halves = torch.arange(-5, 6)  # centres at multiples of half a token
    across = CENTRE_INDEX * patch[2] + (halves - 1) * patch[2] // 2
    starts = torch.stack([torch.full((11,), 64), torch.full((11,), 512), across]).T
    cells = places_of(starts.int(), "axial", OPEN)[:, 1]
    assert len(set(cells.tolist())) == 11
    torch.testing.assert_close(mirrored(cells), cells.flip(0))


def test_words_are_a_bag() -> None:
    torch.manual_seed(0)
    bag = WordBag(6)
    assert not bag.embedding.weight.any()  # a word that was never shown says nothing
    torch.nn.init.normal_(bag.embedding.weight)
    texts = ["63-year-old female. Seizure", "seizure, female 63-year-old", "", "Headache"]
    codes = [encode_text(text) for text in texts]
    found = bag(torch.tensor([code for text in codes for code in text]), offsets_of(map(len, codes)))
    torch.testing.assert_close(found[0], found[1])
    assert not found[2].any()
    assert not torch.equal(found[0], found[3])


def test_neighbouring_ages_share_their_words() -> None:
    assert words_of("64-year-old") == words_of("61-year-old") != words_of("71-year-old")


def test_context_needs_the_width_of_a_row() -> None:
    with pytest.raises(ReleaseError, match="token_width"):
        replace(CONFIG, token_width=None, moments=False)
