"""The hierarchical vision model: batches, registers, text, and its sizes as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from prima.model.networks.attention import Backend, Pieces
from prima.model.networks.evidence import EVIDENCE_SCALE, EvidencePool, moments, pool_series
from prima.model.networks.transformer import Transformer, TransformerConfig, recompute_blocks
from prima.model.networks.vision import HierarchicalViT, RegisterViT, TextEncoder, TextEncoderConfig, VisionConfig
from prima.model.release.untrained import PUBLISHED_SIZES, TINY_SIZES
from prima.tokens.batch import SeriesTokens, StudyTokens, offsets_of, pack, position_code
from prima.tokens.contract import PUBLISHED

NAMES = TextEncoderConfig(
    embedding=14,
    position_dims=10,
    transformer=TransformerConfig(width=24, depth=2, heads=2, head_dim=8, mlp_dim=20),
)
SMALL = VisionConfig(
    sequence=TransformerConfig(width=41, depth=2, heads=2, head_dim=8, mlp_dim=32),
    sequence_registers=3,
    study=TransformerConfig(width=32, depth=2, heads=2, head_dim=8, mlp_dim=32),
    study_registers=2,
    series_name=NAMES,
    study_description=NAMES,
    joint_dim=8,
)
WITHOUT_TEXT = replace(SMALL, series_name=None, study_description=None)


def random_vision(config: VisionConfig) -> HierarchicalViT:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        vision = HierarchicalViT(config).eval()
        for name, parameter in vision.named_parameters():
            plain = parameter.ndim == 1 or name.endswith(("registers", "embedding.weight"))
            torch.nn.init.normal_(parameter, std=1.0 if plain else 1.5 * parameter.shape[1] ** -0.5)
    return vision


def random_studies(seed: int = 0) -> list[StudyTokens]:
    """Three studies: lengths from one token to more than a block, with and without text."""
    random = np.random.default_rng(seed)

    def series(num_tokens: int, plane: str, name: str) -> SeriesTokens:
        return SeriesTokens(
            latents=torch.from_numpy(random.normal(size=(num_tokens, 8)).astype(np.float32)),
            coordinates=torch.from_numpy(random.integers(0, 256, (num_tokens, 3)).astype(np.int32)),
            plane=plane,
            name=name,
            num_patches=num_tokens,
        )

    first = StudyTokens(series=(series(1, "axial", ""), series(200, "coronal", "T2")), description="MRI BRAIN")
    second = StudyTokens(series=(series(31, "sagittal", "T1+C"),), description="")
    third = StudyTokens(series=tuple(series(n, "axial", f"AX {n}") for n in (5, 140, 2)), description="MRI")
    return [first, second, third]


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("config", [SMALL, WITHOUT_TEXT], ids=["text", "no text"])
@pytest.mark.parametrize("backend", ["reference", "blocks", "flex"])
@torch.no_grad()
def test_a_batch_of_n_equals_n_batches_of_one(backend: Backend, config: VisionConfig) -> None:
    vision = random_vision(config)
    studies = random_studies()
    together = vision(pack(studies, PUBLISHED), backend)
    apart = [vision(pack([study], PUBLISHED), "reference") for study in studies]
    assert together.series.shape == (6, 32) and together.study.shape == (3, config.feature_dim)
    assert torch.allclose(together.series, torch.cat([one.series for one in apart]), rtol=0, atol=1e-5)
    assert torch.allclose(together.study, torch.cat([one.study for one in apart]), rtol=0, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@torch.no_grad()
def test_on_a_gpu() -> None:
    batch = pack(random_studies(), PUBLISHED)
    vision = random_vision(SMALL)
    expected = vision(batch, "reference").study
    found = vision.cuda()(batch.to("cuda")).study.cpu()
    assert torch.allclose(found, expected, rtol=0, atol=5e-3)


@torch.no_grad()
def test_every_text_and_every_token_counts() -> None:
    vision = random_vision(SMALL)
    (study, *_) = random_studies()
    before = vision(pack([study], PUBLISHED)).study
    renamed = replace(study, series=(study.series[0], replace(study.series[1], name="T1")))
    brighter = replace(study.series[1], latents=study.series[1].latents * 1.1)
    for changed in (
        replace(study, description="MRI"),
        renamed,
        replace(study, series=(study.series[0], brighter)),
    ):
        assert not torch.allclose(vision(pack([changed], PUBLISHED)).study, before, rtol=0, atol=1e-4)


@torch.no_grad()
def test_registers_come_first_then_text_then_tokens() -> None:
    """A transformer of no layers gives back the row that entered: the answer is the registers, each normalised."""
    vit = RegisterViT(TransformerConfig(width=4, depth=1, heads=1, head_dim=4, mlp_dim=4), 2)
    entered: list[torch.Tensor] = []
    starts: list[list[int]] = []

    def record(x: torch.Tensor, pieces: Pieces, _backend: Backend) -> torch.Tensor:
        entered.append(x)
        starts.append(pieces.starts)
        return x

    vit.transformer.forward = record  # type: ignore[method-assign]
    vit.registers.copy_(torch.tensor([[1.0, 2, 3, 5], [9.0, 8, 8, 8]]))
    tokens = torch.arange(12.0).reshape(3, 4)
    text = torch.tensor([[70.0] * 4, [71.0] * 4])
    found, _ = vit(tokens, offsets_of([2, 1]), text, "reference")
    r0, r1 = vit.registers
    assert torch.equal(entered[0], torch.stack([r0, r1, text[0], tokens[0], tokens[1], r0, r1, text[1], tokens[2]]))
    assert starts[0] == [0, 5, 9]
    assert torch.equal(found, vit.norm(vit.registers).flatten().expand(2, -1))
    vit(tokens, offsets_of([2, 1]), None, "reference")
    assert torch.equal(entered[1], torch.stack([r0, r1, tokens[0], tokens[1], r0, r1, tokens[2]]))


@torch.no_grad()
def test_the_text_encoder_reads_at_the_end_code() -> None:
    encoder = random_vision(SMALL).series_name
    assert isinstance(encoder, TextEncoder)
    texts = [[1, 20, 46], [46], [5] * 40 + [46]]
    found = encoder(torch.tensor([code for text in texts for code in text]), offsets_of(map(len, texts)), "blocks")
    for row, codes in zip(found, texts, strict=True):
        position = position_code(torch.arange(len(codes)).unsqueeze(1), 10)
        x = torch.cat([encoder.embedding(torch.tensor(codes)), position], dim=1)
        x = encoder.transformer(x, Pieces(offsets_of([len(codes)])), "reference")
        assert torch.allclose(row, encoder.project(x[-1]), rtol=0, atol=1e-5)


def test_gradients_reach_every_weight() -> None:
    vision = random_vision(SMALL).train()
    vision.project(vision(pack(random_studies(), PUBLISHED)).study).square().sum().backward()
    missing = [name for name, parameter in vision.named_parameters() if parameter.grad is None]
    assert not missing
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in vision.parameters())


@pytest.mark.parametrize("config", [SMALL, WITHOUT_TEXT, PUBLISHED_SIZES.vision, TINY_SIZES.vision])
def test_json_gives_the_same_sizes_back(config: VisionConfig) -> None:
    assert VisionConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_the_published_feature_has_10240_numbers() -> None:
    assert PUBLISHED_SIZES.vision.feature_dim == 10_240


def test_blocks_that_are_computed_again_give_the_same_gradients() -> None:
    torch.manual_seed(0)
    config = TransformerConfig(width=16, depth=4, heads=2, head_dim=8, mlp_dim=32)
    plain = Transformer(config)
    again = Transformer(config)
    again.load_state_dict(plain.state_dict())
    recompute_blocks(again, 0.5)
    assert (plain.num_recomputed, again.num_recomputed) == (0, 2)
    x, pieces = torch.randn(7, 16), Pieces(offsets_of([3, 4]))
    for one in (plain, again):
        one(x, pieces, "reference").square().sum().backward()
    for mine, other in zip(plain.parameters(), again.parameters(), strict=True):
        assert mine.grad is not None and other.grad is not None
        torch.testing.assert_close(mine.grad, other.grad)


def test_moments_are_those_of_each_series_alone() -> None:
    rows = torch.randn(9, 4)
    found = moments(rows, offsets_of([2, 7]))
    for series, own in enumerate((rows[:2], rows[2:])):
        spread = (own.var(0, unbiased=False) + 1e-6).sqrt()
        torch.testing.assert_close(found[series], torch.cat([own.mean(0), spread, own.amax(0)]))


def test_evidence_of_one_token_reaches_its_series_and_its_study() -> None:
    pool = EvidencePool(8, 3)
    tokens = torch.randn(9, 8)
    evidence, series = pool(tokens, offsets_of([2, 7]))
    torch.testing.assert_close(series[1, :3], evidence[2:].logsumexp(0) * EVIDENCE_SCALE)
    torch.testing.assert_close(series[0, 3:], evidence[:2].mean(0) * EVIDENCE_SCALE)
    study = pool_series(series, offsets_of([2]))
    torch.testing.assert_close(study[0], torch.cat([series[:, :3].amax(0), series[:, 3:].mean(0)]))
