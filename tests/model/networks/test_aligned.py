"""Linear layers of odd width: padded inside, the same values and gradients as without."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from prima.model.networks.aligned import AlignedLinear, without_padding


@pytest.mark.parametrize(("inside", "outside"), [(289, 48), (48, 289), (41, 7), (32, 16)])
@pytest.mark.parametrize("bias", [True, False])
def test_it_equals_a_plain_layer(inside: int, outside: int, bias: bool) -> None:
    torch.manual_seed(0)
    layer = AlignedLinear(inside, outside, bias=bias).double()
    plain = nn.Linear(inside, outside, bias=bias).double()
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(5, inside, dtype=torch.float64)
    results = []
    for one in (layer, plain):
        own = x.clone().requires_grad_()
        y = one(own)
        y.square().sum().backward()
        results.append([y.detach(), own.grad, *(p.grad for p in one.parameters())])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_arithmetic_is_counted_without_the_padding() -> None:
    layer = AlignedLinear(289, 40, bias=False)
    x = torch.ones(3, 289)
    counted = []
    for width_in, width_out, pads in ((304, 48, True), (289, 40, False)):
        counter = FlopCounterMode(display=False)
        if pads:
            with counter:
                layer(x)
        else:
            with without_padding(), counter:
                layer(x)
        counted.append(counter.get_total_flops())
        assert counted[-1] == 2 * 3 * width_in * width_out
    with counter:
        functional.linear(x, layer.weight)
    assert counted[1] == counter.get_total_flops()
