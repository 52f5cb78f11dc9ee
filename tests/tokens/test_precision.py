"""Which device a word stands for, and what is refused."""

from __future__ import annotations

import pytest
import torch

from prima.errors import UsageError
from prima.tokens.precision import choose_precision


def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)


@pytest.mark.parametrize(
    ("device", "place"),
    [("auto", "cuda"), ("cuda", "cuda"), ("cuda:0", "cuda:0"), ("cuda:1", "cuda:1"), ("cpu", "cpu")],
)
def test_a_gpu_by_its_number(monkeypatch: pytest.MonkeyPatch, device: str, place: str) -> None:
    two_gpus(monkeypatch)
    assert choose_precision(device, "float32").device == torch.device(place)


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "cuda:-1", "mps", ""])
def test_another_word_is_wrong_usage(device: str) -> None:
    with pytest.raises(UsageError, match="expected auto, cpu, cuda or a GPU by its number"):
        choose_precision(device)


def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    two_gpus(monkeypatch)
    with pytest.raises(UsageError, match="--device cuda:2: torch sees 2 GPUs"):
        choose_precision("cuda:2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="--device cuda:0: torch sees no GPU"):
        choose_precision("cuda:0")
