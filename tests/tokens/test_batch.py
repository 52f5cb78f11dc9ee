"""Position codes, token rows and packing."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prima.tokens.batch import SeriesTokens, StudyBatch, StudyTokens, offsets_of, pack, position_code, token_rows
from prima.tokens.contract import PLANE_AXIS, PUBLISHED
from prima.tokens.text import encode_text

PLANES = list(PLANE_AXIS)


def random_series(random: np.random.Generator, num_tokens: int, width: int = 8) -> SeriesTokens:
    plane = PLANES[random.integers(3)]
    grid = random.integers(0, 60, (num_tokens, 3))
    return SeriesTokens(
        latents=torch.from_numpy(random.normal(size=(num_tokens, width)).astype(np.float32)),
        coordinates=torch.from_numpy((grid * PUBLISHED.patch_shape(plane)).astype(np.int32)),
        plane=plane,
        name="".join(random.choice(list("ax t1+"), random.integers(0, 6))),
        num_patches=2 * num_tokens,
    )


def random_study(random: np.random.Generator, lengths: list[int]) -> StudyTokens:
    description = "mri brain"[: random.integers(0, 10)]
    return StudyTokens(series=tuple(random_series(random, length) for length in lengths), description=description)


studies = st.builds(
    lambda seed, lengths: [random_study(np.random.default_rng((seed, n)), one) for n, one in enumerate(lengths)],
    st.integers(0, 2**32 - 1),
    st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=5), min_size=1, max_size=4),
)


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=6), st.sampled_from([2, 10, 16]))
def test_position_code_equals_the_formula(index: list[int], dims: int) -> None:
    code = position_code(torch.tensor(index).unsqueeze(0), dims)
    expected = [
        wave(position / 10000 ** (2 * k / dims))
        for position in index
        for k in range(dims // 2)
        for wave in (math.sin, math.cos)
    ]
    assert code.dtype == torch.float32
    assert np.allclose(code[0].numpy(), expected, rtol=0, atol=6e-8)


@pytest.mark.parametrize("plane", PLANES)
def test_a_token_row(plane: str) -> None:
    """Latent, then the position in array order (not swapped with the latent), then the plane axis."""
    patch = PUBLISHED.patch_shape(plane)
    series = SeriesTokens(
        latents=torch.arange(6.0).reshape(1, 6).bfloat16(),
        coordinates=torch.tensor([[3 * patch[0], 5 * patch[1], 7 * patch[2]]], dtype=torch.int32),
        plane=plane,
        name="",
        num_patches=1,
    )
    (row,) = token_rows(series, PUBLISHED)
    assert row.dtype == torch.float32 and row.shape == (6 + 30 + 3,)
    assert row[:6].tolist() == [0, 1, 2, 3, 4, 5]
    assert torch.equal(row[6:36], position_code(torch.tensor([[3, 5, 7]]), 10)[0])
    assert row[36:].tolist() == [float(axis == PLANE_AXIS[plane]) for axis in range(3)]


@given(st.lists(st.integers(0, 10**6)))
def test_offsets_are_the_running_sum(lengths: list[int]) -> None:
    offsets = offsets_of(lengths)
    assert offsets.dtype == torch.int64
    assert offsets.tolist() == [sum(lengths[:n]) for n in range(len(lengths) + 1)]


@given(studies)
def test_offsets_point_at_what_they_should(several: list[StudyTokens]) -> None:
    batch = pack(several, PUBLISHED)
    series = [one for study in several for one in study.series]
    assert (batch.num_studies, batch.num_series) == (len(several), len(series))
    assert batch.study_offsets.diff().tolist() == [len(study.series) for study in several]
    starts, text_starts = batch.series_offsets.tolist(), batch.series_text_offsets.tolist()
    for index, one in enumerate(series):
        assert torch.equal(batch.tokens[starts[index] : starts[index + 1]], token_rows(one, PUBLISHED))
        assert batch.series_text[text_starts[index] : text_starts[index + 1]].tolist() == encode_text(one.name)
    for index, study in enumerate(several):
        start, stop = batch.study_text_offsets[index : index + 2].tolist()
        assert batch.study_text[start:stop].tolist() == encode_text(study.description)


@given(studies)
def test_a_batch_of_n_is_n_batches_of_one_end_to_end(several: list[StudyTokens]) -> None:
    batch = pack(several, PUBLISHED)
    singles = [pack([study], PUBLISHED) for study in several]
    for field in fields(StudyBatch):
        values = [getattr(single, field.name) for single in singles]
        if field.name.endswith("offsets"):
            lengths = torch.cat([value.diff() for value in values])
            assert torch.equal(getattr(batch, field.name), offsets_of(lengths.tolist())), field.name
        else:
            assert torch.equal(getattr(batch, field.name), torch.cat(values)), field.name


def test_an_empty_batch_or_study_is_an_error() -> None:
    study = random_study(np.random.default_rng(0), [2])
    for several in ([], [study, replace(study, series=())]):
        with pytest.raises(ValueError, match="at least one"):
            pack(several, PUBLISHED)


def test_share_of_foreground_and_device() -> None:
    study = random_study(np.random.default_rng(0), [3])
    assert study.series[0].foreground_share == 0.5
    moved = pack([study], PUBLISHED).to("meta")
    assert {getattr(moved, field.name).device.type for field in fields(StudyBatch)} == {"meta"}
