"""3×3×3 convolution in the Winograd domain: the same result for a sixth of the multiplications.

A token's encoder spends nine tenths of its arithmetic in 3×3×3 convolutions over 4×16×16 positions. Along the short
axis and the second one the kernel is applied as F(4, 3), six products where twelve stand in the plain form; along the
third as F(2, 3), four where six stand. What remains are matrix products over the channels.

The points of F(4, 3) are 0, ±3/4, ±3/2 and infinity, those of F(2, 3) are 0, ±1 and infinity: they keep rounding small.
Both transforms by F(4, 3) together are one matrix product with float32 sums, on the way in and, with that of F(2, 3),
on the way out: each value is rounded once there. On the way in F(2, 3) is one addition for each value. (Toom-Cook
convolution as in Lavin and Gray, arXiv 1509.09308; on the choice of points Barabasz et al., arXiv 1803.10986.)

Shape letters: A short axis (z), B second axis (y), H half of the remaining axis (x), N patches, C and O channels,
P points of both F(4, 3).
"""

from __future__ import annotations

import threading
from fractions import Fraction
from functools import cache

import torch
from torch import nn

TILE = 4
POINTS = ("0", "3/4", "-3/4", "3/2", "-3/2")
SHORT_AXES = (2, 4)


@cache
def matrices() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Output, kernel and input transform of F(4, 3): y = out @ ((kernel @ w) * (inputs @ x)).

    Returns:
        out [4, p], kernel [p, 3], inputs [p, p] in float64, with p = 6 points.

    Example:
        >>> out, kernel, inputs = matrices()
        >>> x, w = torch.arange(6.0).double(), torch.tensor([1.0, 0.0, 2.0]).double()
        >>> (out @ ((kernel @ w) * (inputs @ x))).round(decimals=9).tolist()
        [4.0, 7.0, 10.0, 13.0]
    """
    points = [Fraction(point) for point in POINTS]
    num = len(points) + 1

    def powers(count: int, at_infinity: int) -> list[list[Fraction]]:
        return [[point**k for k in range(count)] for point in points] + [
            [Fraction(k == at_infinity) for k in range(count)]
        ]

    inputs: list[list[Fraction]] = []
    scales: list[Fraction] = []
    for index, point in enumerate(points):
        other_points = points[:index] + points[index + 1 :]
        inputs.append([*_product(other_points), Fraction(0)])
        scale = Fraction(1)
        for other in other_points:
            scale *= point - other
        scales.append(1 / scale)
    inputs.append(_product(points))
    scales.append(Fraction(1))
    kernel = [[value * scale for value in row] for row, scale in zip(powers(3, 2), scales, strict=True)]
    out = [list(column) for column in zip(*powers(TILE, TILE - 1), strict=True)]
    assert len(inputs) == num
    return _tensor(out), _tensor(kernel), _tensor(inputs)


def short_axis(size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Output, kernel and input transform of a whole axis of 2 or 4 between its two zeros of padding.

    Of four, F(4, 3) with its first and last input gone. Of two, where each output sees both inputs, Karatsuba's three
    products: w1·(x0 + x1), (w2 − w1)·x1 and (w0 − w1)·x0.

    Returns:
        out [size, p], kernel [p, 3], inputs [p, size] in float64, with p of 6 or 3 products.

    Example:
        >>> out, kernel, inputs = short_axis(2)
        >>> x, w = torch.tensor([5.0, 7.0]).double(), torch.tensor([1.0, 2.0, 3.0]).double()
        >>> (out @ ((kernel @ w) * (inputs @ x))).tolist()
        [31.0, 19.0]
    """
    if size == 4:
        out, kernel, inputs = matrices()
        return out, kernel, inputs[:, 1:-1]
    return tuple(torch.tensor(rows, dtype=torch.float64) for rows in _KARATSUBA)  # type: ignore[return-value]


_KARATSUBA = (
    [[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]],
    [[0.0, 1.0, 0.0], [0.0, -1.0, 1.0], [1.0, -1.0, 0.0]],
    [[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]],
)


def _product(roots: list[Fraction]) -> list[Fraction]:
    """Coefficients, lowest power first, of the polynomial with these roots."""
    coefficients = [Fraction(1)]
    for root in roots:
        raised = [Fraction(0), *coefficients]
        coefficients = [a - root * b for a, b in zip(raised, [*coefficients, Fraction(0)], strict=True)]
    return coefficients


def _tensor(rows: list[list[Fraction]]) -> torch.Tensor:
    return torch.tensor([[float(value) for value in row] for row in rows], dtype=torch.float64)


# F(2, 3): its kernel transform, on float64.
_KERNEL_OF_PAIRS = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]]).double()
# Tiles of B whose products are taken together: enough rows for the library, and few enough for the caches.
_TILES = 2


class Scratch(threading.local):
    """Memory that a thread writes over and over: fresh pages cost as much as some of the arithmetic."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, torch.dtype], torch.Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """A contiguous tensor of this shape with whatever was left in it, valid until the name is taken again."""
        size = torch.Size(shape).numel()
        buffer = self._buffers.get((name, dtype))
        if buffer is None or len(buffer) < size:
            with torch.inference_mode(False):
                buffer = self._buffers[name, dtype] = torch.empty(size, dtype=dtype)
        return buffer[:size].view(shape)


scratch = Scratch()


def pair_layout(x_NCzyx: torch.Tensor) -> torch.Tensor:
    """A view of [N, C, z, y, x] as [2, B, A, N, H, C]: even positions of the last axis, then odd ones.

    Example:
        >>> pair_layout(torch.zeros(3, 8, 4, 16, 12)).shape
        torch.Size([2, 16, 4, 3, 6, 8])
    """
    *outer, size = x_NCzyx.shape
    return x_NCzyx.view(*outer, size // 2, 2).permute(5, 3, 2, 0, 4, 1)


class WinogradConv:
    """One 3×3×3 convolution with padding one, on activations in the layout of `pair_layout`.

    Args:
        conv: the convolution; its weight is transformed in float64.
        size_a: length of A: 2 or 4.
        dtype: precision of activations and products; sums are float32.
    """

    def __init__(self, conv: nn.Conv3d, *, size_a: int, dtype: torch.dtype) -> None:
        assert conv.bias is not None
        out_a, kernel_a, in_a = short_axis(size_a)
        out_b, kernel_b, in_b = matrices()
        self.enter = torch.kron(in_b, in_a).to(dtype)  # [P, 6·A]
        taps = conv.weight.detach().double().permute(3, 2, 4, 1, 0).flatten(0, 1)  # [B·A, 3, C, O]
        points = torch.tensordot(torch.kron(kernel_b, kernel_a), taps, 1)
        self.kernels = torch.einsum("rk,pkco->rpco", _KERNEL_OF_PAIRS, points).to(dtype).contiguous()  # [4, P, C, O]
        # Rows of the products: the bias, P for each of the four points of F(2, 3), the bias once more.
        leave, bias = torch.kron(out_b, out_a).to(dtype), torch.ones(4 * size_a, 1, dtype=dtype)
        self.leave_even = torch.cat([bias, leave, leave, leave], dim=1)  # [4·A, 1 + 3·P]
        self.leave_odd = torch.cat([leave, -leave, -leave, bias], dim=1)
        self.bias = conv.bias.detach().to(dtype)

    def __call__(self, x_2BANHC: torch.Tensor, out_2BANHO: torch.Tensor, *, add: bool = False) -> None:
        """The convolution of contiguous activations, bias added; four divides B.

        Args:
            x_2BANHC: what enters.
            out_2BANHO: contiguous, written; not the memory of what enters.
            add: add to what stands in `out_2BANHO` instead.
        """
        _, size_b, size_a, num, half, channels = x_2BANHC.shape
        rows_in = x_2BANHC.view(2, size_b * size_a, -1)
        rows_out = out_2BANHO.view(2, size_b * size_a, -1)
        num_points, step = len(self.enter), 4 * size_a
        for first in range(0, size_b // 4, _TILES):
            tiles = range(first, min(first + _TILES, size_b // 4))
            shape = (num_points, len(tiles), num, half, channels)
            even, odd = (scratch.take(name, shape, x_2BANHC.dtype) for name in ("even", "odd"))
            for place, tile in enumerate(tiles):
                low = (tile * 4 - 1) * size_a  # one position of B before the tile, and one after
                window = slice(max(low, 0), min(low + 6 * size_a, size_b * size_a))
                enter = self.enter[:, window.start - low : window.stop - low]
                for points, rows in zip((even, odd), rows_in, strict=True):
                    points[:, place] = torch.mm(enter, rows[window]).view(num_points, num, half, channels)
            products = self._products(even, odd)
            for place, tile in enumerate(tiles):
                rows = slice(tile * step, (tile + 1) * step)
                _leave(self.leave_even, products[: 1 + 3 * num_points, place], rows_out[0, rows], add=add)
                _leave(self.leave_odd, products[1 + num_points :, place], rows_out[1, rows], add=add)

    def _products(self, even: torch.Tensor, odd: torch.Tensor) -> torch.Tensor:
        """[P, tiles, N, H, C] of even and odd positions → [1 + 4·P + 1, tiles, N·H·O], the bias first and last."""
        num_points, num_tiles, num, half, channels = even.shape
        num_rows, num_out = num_tiles * num * half, len(self.bias)
        products = scratch.take("products", (2 + 4 * num_points, num_rows, num_out), even.dtype)
        products[0] = products[-1] = self.bias
        inputs = scratch.take("inputs", tuple(even.shape), even.dtype)
        for point, kernels in enumerate(self.kernels):
            _enter_pairs(point, even, odd, inputs)
            into = products[1 + point * num_points : 1 + (point + 1) * num_points]
            torch.bmm(inputs.view(num_points, num_rows, channels), kernels, out=into)
        return products.view(len(products), num_tiles, -1)


def _enter_pairs(point: int, even: torch.Tensor, odd: torch.Tensor, out: torch.Tensor) -> None:
    """Input of F(2, 3) at one of its four points, zero beyond both ends of the axis.

    The window of a pair begins with the odd position before it and ends with the even one after it.

    Args:
        point: 0, 1, −1 or infinity, by index.
        even, odd: [..., H, C].
        out: of the same shape, written.
    """
    if point == 0:
        torch.neg(odd[..., 0, :], out=out[..., 0, :])
        torch.sub(odd[..., :-1, :], odd[..., 1:, :], out=out[..., 1:, :])
    elif point == 1:
        torch.add(even, odd, out=out)
    elif point == 2:
        torch.sub(odd, even, out=out)
    else:
        torch.sub(even[..., :-1, :], even[..., 1:, :], out=out[..., :-1, :])
        out[..., -1, :] = even[..., -1, :]


def _leave(matrix: torch.Tensor, products: torch.Tensor, out: torch.Tensor, *, add: bool) -> None:
    """out = matrix @ products, or that added to it."""
    if add:
        out.addmm_(matrix, products)
    else:
        torch.mm(matrix, products, out=out)
