"""3×3×3 convolution with two axes in the Winograd domain: the same result for a quarter of the multiplications.

A token's encoder spends nine tenths of its arithmetic in 3×3×3 convolutions over 4×16×16 positions. Along the short
axis and one long axis the kernel is applied as F(4, 3): six products where twelve stand in the plain form. What
remains is a convolution of width three along the third axis, which the platform's library computes near full speed,
and a few additions.

The points of F(4, 3) are 0, ±3/4, ±3/2 and infinity: they keep rounding small, and every coefficient of the matrix
products is a bfloat16 number, so that only data is rounded. (Toom-Cook convolution as in Lavin and Gray, arXiv
1509.09308; on the choice of points Barabasz et al., arXiv 1803.10986.)

Shape letters: A short axis (z), B second axis (y), R remaining axis (x), N patches, C channels; p counts points of A.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import torch
from torch import nn
from torch.nn.functional import conv2d

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
        others = points[:index] + points[index + 1 :]
        inputs.append([*_product(others), Fraction(0)])
        scale = Fraction(1)
        for other in others:
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


class WinogradConv:
    """One 3×3×3 convolution with padding one, on activations laid out [A, B, N, R, C].

    Args:
        conv: the convolution; its weight is transformed in float32.
        size_a: length of A: 2 or 4.
        dtype: precision of activations and products; sums are float32.
    """

    def __init__(self, conv: nn.Conv3d, *, size_a: int, dtype: torch.dtype) -> None:
        assert conv.bias is not None
        out_a, kernel_a, in_a = short_axis(size_a)
        kernel_b = matrices()[1]
        self.bias = conv.bias.detach().to(dtype)
        self.in_a = in_a.to(dtype)
        self.out_a = out_a.to(dtype)
        # [A·B, O·R·I] → [p·q, O, 1, R, I]: the memory order of channels_last, so that nothing is copied later.
        weight_ABORI = conv.weight.detach().float().permute(2, 3, 0, 4, 1)
        points = torch.mm(torch.kron(kernel_a, kernel_b).float(), weight_ABORI.reshape(9, -1)).to(dtype)
        kernels = points.view(len(kernel_a), len(kernel_b), *weight_ABORI.shape[2:]).unsqueeze(3)
        self.weights = [[kernel.permute(0, 3, 1, 2) for kernel in row] for row in kernels]

    def __call__(self, x_ABNRC: torch.Tensor) -> torch.Tensor:
        """Contiguous [A, B, N, R, C] → the convolution, bias added, of the same axes; four divides B."""
        size_a, size_b, num, size_r, channels = x_ABNRC.shape
        points = torch.mm(self.in_a, x_ABNRC.view(size_a, -1)).view(-1, size_b // 4, 4, num, size_r, channels)
        inputs = _enter_tiles(*points.unbind(2))
        out = x_ABNRC.new_empty(len(points), size_b // 4, 4, num, size_r, len(self.bias))
        for p, kernels in enumerate(self.weights):
            products = [self._along_r(rows[p], kernel) for rows, kernel in zip(inputs, kernels, strict=True)]
            _leave_tiles(products, out[p])
        y = torch.mm(self.out_a, out.view(len(out), -1))
        return y.view(size_a, size_b, num, size_r, -1).add_(self.bias)

    @staticmethod
    def _along_r(rows: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
        """Convolution of width three along R of [B/2, N, R, C]."""
        image = rows.flatten(0, 1).permute(0, 2, 1).unsqueeze(2)
        result = conv2d(image, kernel, padding=(0, 1)).squeeze(2).permute(0, 2, 1)
        return result.reshape(*rows.shape[:3], -1)


def _enter_tiles(x1: torch.Tensor, x2: torch.Tensor, x3: torch.Tensor, x4: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The six inputs of F(4, 3) from the four positions of each tile of an axis, zero beyond both ends.

    The rows of the input transform, written as sums that share terms. Its window begins one position before the tile
    and ends one after: x0 is the fourth of the tile before, x5 the first of the tile after.

    Args:
        x1, x2, x3, x4: [p, B/4, …].
    """
    first = torch.sub(x4, x2, alpha=45 / 16)
    first[:, 1:].add_(x4[:, :-1], alpha=81 / 64)
    last = torch.mul(x1, 81 / 64).sub_(x3, alpha=45 / 16)
    last[:, :-1].add_(x1[:, 1:])
    even = torch.sub(x4, x2, alpha=9 / 4)
    odd = torch.mul(x3, 3 / 4).sub_(x1, alpha=27 / 16)
    near = even + odd, even.sub_(odd)
    even = torch.sub(x4, x2, alpha=9 / 16)
    odd = torch.mul(x3, 3 / 2).sub_(x1, alpha=27 / 32)
    far = even + odd, even.sub_(odd)
    return first, *near, *far, last


def _leave_tiles(products: list[torch.Tensor], out: torch.Tensor) -> None:
    """The four outputs of each tile from its six products, which are used up.

    Args:
        products: six of [B/4, …].
        out: [B/4, 4, …], written.
    """
    zero, plus_near, minus_near, plus_far, minus_far, infinity = products
    near, near_odd = plus_near + minus_near, plus_near.sub_(minus_near)
    far, far_odd = plus_far + minus_far, plus_far.sub_(minus_far)
    torch.add(zero.add_(near), far, out=out[:, 0])
    torch.add(near_odd * (3 / 4), far_odd, alpha=3 / 2, out=out[:, 1])
    torch.add(near * (9 / 16), far, alpha=9 / 4, out=out[:, 2])
    torch.add(infinity.add_(near_odd, alpha=27 / 64), far_odd, alpha=27 / 8, out=out[:, 3])
