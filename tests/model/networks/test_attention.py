"""All attention backends give what a loop over the pieces gives."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prima.model.networks.attention import BLOCK_TOKENS, Backend, Pieces, attend, best_backend
from prima.tokens.batch import offsets_of

CPU_BACKENDS: list[Backend] = ["reference", "blocks", "flex"]

lengths = st.lists(st.integers(1, 90) | st.sampled_from([1, 127, 128, 129, 300]), min_size=1, max_size=8)


def random_qkv(num: int, heads: int = 2, head_dim: int = 16) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(num)
    return tuple(torch.randn(num, heads, head_dim, generator=generator) for _ in range(3))


def attend_plainly(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, lengths: list[int]) -> torch.Tensor:
    """Softmax attention in float64, one piece and one head at a time."""
    result = torch.zeros(q.shape, dtype=torch.float64)
    start = 0
    for length in lengths:
        own = slice(start, start + length)
        for head in range(q.shape[1]):
            scores = q[own, head].double() @ k[own, head].double().T / math.sqrt(q.shape[2])
            result[own, head] = scores.softmax(dim=1) @ v[own, head].double()
        start += length
    return result


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("backend", CPU_BACKENDS)
@settings(max_examples=8)
@given(lengths)
@example([1])
@example([1] * 5)
@example([BLOCK_TOKENS + 1, 1, BLOCK_TOKENS])
@example([BLOCK_TOKENS - 1, 1, 1])
def test_equals_one_piece_at_a_time(backend: Backend, lengths: list[int]) -> None:
    q, k, v = random_qkv(sum(lengths))
    found = attend(q, k, v, Pieces(offsets_of(lengths)), backend)
    assert found.shape == q.shape
    assert torch.allclose(found.double(), attend_plainly(q, k, v, lengths), rtol=0, atol=3e-6)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(
    ("backend", "dtype", "tolerance"),
    [("varlen", torch.bfloat16, 2e-2), ("varlen", torch.float16, 3e-3), ("flex", torch.float32, 2e-3)],
)
@pytest.mark.parametrize("lengths", [[1], [1, 300, 1, 17], [129, 1, 128]], ids=str)
def test_on_a_gpu(backend: Backend, dtype: torch.dtype, tolerance: float, lengths: list[int]) -> None:
    q, k, v = (x.to(dtype) for x in random_qkv(sum(lengths), head_dim=64))
    found = attend(q.cuda(), k.cuda(), v.cuda(), Pieces(offsets_of(lengths)), backend)
    assert torch.allclose(found.cpu().double(), attend_plainly(q, k, v, lengths), rtol=0, atol=tolerance)


@pytest.mark.parametrize("backend", ["reference", "blocks"])
def test_gradients_are_those_of_the_plain_form(backend: Backend) -> None:
    lengths = [3, 1, 150, 20]
    plain = [x.requires_grad_() for x in random_qkv(sum(lengths))]
    ours = [x.detach().clone().requires_grad_() for x in plain]
    weight = torch.randn(plain[0].shape, generator=torch.Generator().manual_seed(1))
    (attend_plainly(*plain, lengths) * weight).sum().backward()
    (attend(*ours, Pieces(offsets_of(lengths)), backend) * weight).sum().backward()
    for expected, found in zip(plain, ours, strict=True):
        assert expected.grad is not None and found.grad is not None
        assert torch.allclose(found.grad, expected.grad, rtol=0, atol=1e-5)


@given(lengths)
def test_blocks_cover_every_token_once_in_whole_pieces(lengths: list[int]) -> None:
    pieces = Pieces(offsets_of(lengths))
    assert [block[0] for block in pieces.blocks] == [0, *[block[1] for block in pieces.blocks[:-1]]]
    assert pieces.blocks[-1][1] == sum(lengths)
    starts = set(pieces.starts)
    for start, stop, mask in pieces.blocks:
        assert {start, stop} <= starts
        alone = sum(start <= one < stop for one in starts) == 1
        assert (mask is None) == alone
    assert all(stop - start >= BLOCK_TOKENS for start, stop, _ in pieces.blocks[:-1])
    assert pieces.longest == max(lengths)


def test_the_backend_follows_device_and_precision() -> None:
    assert best_backend(torch.device("cpu"), torch.float32) == "blocks"
    assert best_backend(torch.device("cuda"), torch.bfloat16) == "varlen"
    assert best_backend(torch.device("cuda"), torch.float32) == "flex"
