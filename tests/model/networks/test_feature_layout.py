"""The parts of features by name: they tile the feature, and each holds what its name says."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from prima.errors import ReleaseError
from prima.model.networks.attention import best_backend
from prima.model.networks.context import mean_of
from prima.model.networks.evidence import agreed, moments, raised, sided
from prima.model.networks.feature_layout import SeriesLayout, StudyLayout
from prima.model.networks.transformer import TransformerConfig
from prima.model.networks.vision import HierarchicalViT, VisionConfig
from prima.tokens.batch import SeriesTokens, StudyTokens, pack
from prima.tokens.contract import OPEN

ROW = 4 + 3 * OPEN.position_dims + 3
SIZES = TransformerConfig(width=16, depth=1, heads=2, head_dim=8, mlp_dim=32)
CONFIG = VisionConfig(
    sequence=SIZES, sequence_registers=2, study=SIZES, study_registers=3, series_name=None, study_description=None,
    joint_dim=8, token_width=ROW, evidence=5, moments=True, context=12, words=7,
)  # fmt: skip

VARIANTS = {
    "all": {},
    "no context": {"context": 0},
    "no evidence": {"evidence": 0},
    "no words": {"words": 0},
    "no moments": {"moments": False},
    "registers alone": {"context": 0, "evidence": 0, "words": 0},
    "compared": {"compared": True},
}


def parts(layout: SeriesLayout | StudyLayout) -> list[slice]:
    return [getattr(layout, field.name) for field in fields(layout)]


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS.keys())
def test_parts_tile_the_feature(changes: dict[str, int]) -> None:
    config = replace(CONFIG, **changes)
    for layout in (config.series_layout, config.study_layout):
        covered = [place for part in parts(layout) for place in range(part.start, part.stop)]
        assert covered == list(range(layout.width))
    model = HierarchicalViT(config)
    assert model.series_project.in_features == config.series_layout.width
    assert model.joint_project.in_features == config.study_layout.width == config.feature_dim


@torch.inference_mode()
def test_each_part_of_a_study_feature_follows_from_its_part_of_the_series() -> None:
    torch.manual_seed(0)
    model = HierarchicalViT(CONFIG).eval()
    series, study = CONFIG.series_layout, CONFIG.study_layout
    offsets, text, text_offsets = torch.tensor([0, 2, 3]), torch.tensor([3, 4, 5, 6]), torch.tensor([0, 2, 4])

    def features(pooled: torch.Tensor) -> torch.Tensor:
        backend = best_backend(pooled.device, pooled.dtype)
        return model.read_studies(pooled, offsets, text, text_offsets, backend)[1]

    pooled = torch.randn(3, series.width)
    before = features(pooled)
    assert before.shape == (2, study.width)
    of_context = torch.cat([pooled[:2, series.context].mean(0), pooled[:2, series.context].amax(0)])
    torch.testing.assert_close(before[0, study.context], of_context)
    num = CONFIG.evidence
    torch.testing.assert_close(before[0, study.evidence][:num], pooled[:2, series.evidence][:, :num].amax(0))
    torch.testing.assert_close(before[0, study.evidence][num : 2 * num], pooled[:2, series.evidence][:, num:].mean(0))
    torch.testing.assert_close(before[0, study.evidence][2 * num :], pooled[:2, series.agreed].mean(0))
    changed = pooled.clone()
    changed[:, series.context] += 1
    after = features(changed)
    assert torch.equal(after[:, study.words], before[:, study.words])
    assert torch.equal(after[:, study.evidence], before[:, study.evidence])
    assert not torch.equal(after[:, study.context], before[:, study.context])
    assert not torch.equal(after[:, study.registers], before[:, study.registers])


@torch.inference_mode()
def test_what_is_compared_is_pooled_over_the_series() -> None:
    torch.manual_seed(0)
    config = replace(CONFIG, compared=True)
    model = HierarchicalViT(config).eval()
    series, study, num = config.series_layout, config.study_layout, config.evidence
    pooled = torch.randn(3, series.width)
    offsets, text = torch.tensor([0, 2, 3]), torch.tensor([3, 4, 5, 6])
    _, found = model.read_studies(
        pooled, offsets, text, torch.tensor([0, 2, 4]), best_backend(pooled.device, pooled.dtype)
    )
    own, other = pooled[:2, series.compared][:, :num], pooled[:2, series.compared][:, num:]
    expected = torch.cat([own.amax(0), own.mean(0), other.mean(0)])
    torch.testing.assert_close(found[0, study.compared], expected)


@pytest.mark.parametrize("changes", [{"context": 0}, {"evidence": 0}])
def test_comparison_needs_context_and_evidence(changes: dict[str, int]) -> None:
    with pytest.raises(ReleaseError, match="compared without"):
        replace(CONFIG, compared=True, **changes)


@torch.inference_mode()
def test_every_part_of_a_series_lies_where_its_name_says() -> None:
    torch.manual_seed(0)
    config = replace(CONFIG, compared=True)
    vision, of_series = HierarchicalViT(config).eval(), config.series_layout
    parts = tuple(
        SeriesTokens(
            latents=torch.randn(num, 4), coordinates=torch.randint(0, 256, (num, 3)).int(), plane="axial", name="",
            num_patches=num,
        )
        for num in (3, 5)
    )  # fmt: skip
    batch = pack([StudyTokens(series=parts, description="")], OPEN)
    assert vision.evidence is not None and vision.context is not None and batch.places is not None
    pooled, _, evidence = vision.read_series(batch, "reference")
    series = torch.tensor([0] * 3 + [1] * 5)
    states = vision.context(batch.tokens, series, torch.zeros_like(series), batch.places)
    embedded = vision.embed(batch.tokens) if vision.embed is not None else None
    expected = {
        "registers": vision.sequence(embedded, batch.series_offsets, None, "reference")[0],
        "moments": moments(batch.tokens, batch.series_offsets),
        "context": mean_of(states, series),
        "evidence": vision.evidence(states, batch.series_offsets)[1],
        "agreed": agreed(evidence, torch.zeros_like(series), batch.places[:, 0], 1).expand(2, -1),
        "compared": torch.cat(
            [
                raised(evidence, batch.series_offsets),
                sided(evidence, torch.zeros_like(series), batch.places[:, 1], 1).expand(2, -1),
            ],
            dim=1,
        ),
    }
    assert list(expected) == [field.name for field in fields(of_series)] and pooled.shape == (2, of_series.width)
    for name, part in expected.items():
        assert torch.equal(pooled[:, getattr(of_series, name)], part), name
