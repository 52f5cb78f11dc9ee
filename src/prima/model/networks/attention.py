"""Attention inside the pieces of a packed row of tokens, on four backends that agree.

Pieces (the tokens of one series, the series of one study, the characters of one text) lie end to end; `Pieces` knows
where. No backend pads.

Shape suffixes: T packed tokens, H heads, D head dimension.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Any, Literal

import torch
from torch.nn.functional import scaled_dot_product_attention

Backend = Literal["reference", "blocks", "varlen", "flex"]

# A block of the CPU backend takes whole pieces until it holds this many tokens.
BLOCK_TOKENS = 128


@dataclass(frozen=True, eq=False)
class Pieces:
    """Where each piece starts: [n + 1] int64 offsets, on the CPU; derived layouts are made once per batch."""

    offsets: torch.Tensor

    @cached_property
    def starts(self) -> list[int]:
        """The offsets as numbers."""
        numbers: list[int] = self.offsets.tolist()
        return numbers

    @cached_property
    def piece_of_token(self) -> torch.Tensor:
        """[T] index of the piece that each token belongs to."""
        return torch.repeat_interleave(torch.arange(len(self.starts) - 1), self.offsets.diff())

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest piece."""
        return int(self.offsets.diff().max())

    @cached_property
    def blocks(self) -> list[tuple[int, int, torch.Tensor | None]]:
        """Runs of whole pieces of at least `BLOCK_TOKENS` tokens: (start, stop, mask of who may see whom or None)."""
        result: list[tuple[int, int, torch.Tensor | None]] = []
        first = 0
        last_piece = len(self.starts) - 2
        for piece in range(last_piece + 1):
            start, stop = self.starts[first], self.starts[piece + 1]
            if stop - start >= BLOCK_TOKENS or piece == last_piece:
                owner = self.piece_of_token[start:stop]
                mask = None if first == piece else owner[:, None] == owner[None, :]
                result.append((start, stop, mask))
                first = piece + 1
        return result

    def varlen_layout(self, device: torch.device) -> torch.Tensor:
        """Offsets as the varlen kernels want them: int32 on the device (cached)."""
        cache = self.__dict__.setdefault("_varlen", {})
        if device not in cache:
            cache[device] = self.offsets.to(device=device, dtype=torch.int32)
        layout: torch.Tensor = cache[device]
        return layout

    def flex_mask(self, device: torch.device) -> Any:
        """Block mask for FlexAttention (cached)."""
        cache = self.__dict__.setdefault("_flex", {})
        if device not in cache:
            from torch.nn.attention.flex_attention import create_block_mask

            owner = self.piece_of_token.to(device)

            def same_piece(_b: Any, _h: Any, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
                return owner[query] == owner[key]

            num = self.starts[-1]
            cache[device] = create_block_mask(same_piece, None, None, num, num, device=str(device))
        return cache[device]


def attend(
    q_THD: torch.Tensor, k_THD: torch.Tensor, v_THD: torch.Tensor, pieces: Pieces, backend: Backend
) -> torch.Tensor:
    """Softmax attention with scale D^-0.5, every token over its own piece.

    Args:
        q_THD: [T, H, D] queries; keys and values alike.
        pieces: where the pieces start.
        backend: "reference" (one masked SDPA over all tokens: exact and slow), "blocks" (runs of whole pieces through
            SDPA), "varlen" (CUDA, half precision), "flex" (FlexAttention; compiled on CUDA).

    Returns:
        [T, H, D].
    """
    return _BACKENDS[backend](q_THD, k_THD, v_THD, pieces)


def best_backend(device: torch.device, dtype: torch.dtype) -> Backend:
    """The fastest backend that runs a precision on a device."""
    if device.type == "cuda":
        # varlen came with torch 2.10
        has_varlen = find_spec("torch.nn.attention.varlen") is not None
        return "varlen" if has_varlen and dtype in (torch.bfloat16, torch.float16) else "flex"
    return "blocks"


def _sdpa(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    q, k, v = (x.transpose(0, 1).unsqueeze(0) for x in (q, k, v))
    return scaled_dot_product_attention(q, k, v, attn_mask=mask).squeeze(0).transpose(0, 1)


def _reference(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, pieces: Pieces) -> torch.Tensor:
    owner = pieces.piece_of_token.to(q.device)
    return _sdpa(q, k, v, owner[:, None] == owner[None, :])


def _blocks(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, pieces: Pieces) -> torch.Tensor:
    # Splitting, not slicing: the gradient of a slice is as large as the whole, and there are many blocks.
    sizes = [stop - start for start, stop, _ in pieces.blocks]
    masks = [None if mask is None else mask.to(q.device) for _, _, mask in pieces.blocks]
    split = zip(torch.split(q, sizes), torch.split(k, sizes), torch.split(v, sizes), masks, strict=True)
    results = [_sdpa(*block) for block in split]
    return torch.cat(results)


def _varlen(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, pieces: Pieces) -> torch.Tensor:
    from torch.nn.attention.varlen import varlen_attn

    offsets = pieces.varlen_layout(q.device)
    result = varlen_attn(q, k, v, offsets, offsets, pieces.longest, pieces.longest)
    assert isinstance(result, torch.Tensor)
    return result


def _flex(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, pieces: Pieces) -> torch.Tensor:
    from torch.nn.attention.flex_attention import flex_attention

    q, k, v = (x.transpose(0, 1).unsqueeze(0) for x in (q, k, v))
    run: Any = _compiled(flex_attention) if q.device.type == "cuda" else flex_attention
    result: torch.Tensor = run(q, k, v, block_mask=pieces.flex_mask(q.device))
    return result.squeeze(0).transpose(0, 1)


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    if function not in _COMPILED:
        _COMPILED[function] = torch.compile(function, dynamic=True)
    return _COMPILED[function]


_COMPILED: dict[Callable[..., Any], Callable[..., Any]] = {}

_BACKENDS: dict[Backend, Callable[[torch.Tensor, torch.Tensor, torch.Tensor, Pieces], torch.Tensor]] = {
    "reference": _reference,
    "blocks": _blocks,
    "varlen": _varlen,
    "flex": _flex,
}
