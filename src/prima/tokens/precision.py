"""Which device and which number format to compute in, and why: one place, so that `predict` and `doctor` agree."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import torch

from prima.errors import UsageError

DeviceChoice = str
"""auto, cpu, cuda, or a GPU by its number, such as cuda:1."""
DtypeChoice = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, kw_only=True)
class Precision:
    """A device, the encoder's number format, and one line of why."""

    device: torch.device
    dtype: torch.dtype
    why: str


def cpu_has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 matrices in hardware (AMX tiles or AVX-512 BF16)."""
    return bool(torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())


def choose_precision(device: DeviceChoice = "auto", dtype: DtypeChoice = "auto") -> Precision:
    """Resolve "auto".

    Raises:
        UsageError: there is no such device, or a GPU was asked for that torch does not see.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3})?", device):
        raise UsageError(f"--device: found {device!r}, expected auto, cpu, cuda or a GPU by its number, such as cuda:1")
    has_cuda = torch.cuda.is_available()
    if device.startswith("cuda") and not has_cuda:
        raise UsageError(
            f"--device {device}: torch sees no GPU; leave the option out, or install a CUDA build of torch"
        )
    _, _, index = device.partition(":")
    if index and int(index) >= torch.cuda.device_count():
        raise UsageError(f"--device {device}: torch sees {torch.cuda.device_count()} GPUs, counted from 0")
    where = "cuda" if device.startswith("cuda") or (device == "auto" and has_cuda) else "cpu"
    place = torch.device(f"cuda:{int(index)}" if index else where)
    fast = torch.cuda.is_bf16_supported(including_emulation=False) if where == "cuda" else cpu_has_bfloat16()
    if dtype == "auto":
        chosen = torch.bfloat16 if fast else torch.float32
        why = "computes bfloat16 in hardware" if fast else "has no fast bfloat16"
        return Precision(device=place, dtype=chosen, why=f"the {where} {why}")
    return Precision(device=place, dtype=getattr(torch, dtype), why="asked for")


def one_thread_workers(count: int) -> ThreadPoolExecutor:
    """As many threads as torch would use, each computing a piece of its own on one core.

    Splitting every small operation over all cores makes them wait for each other some hundred times a micro-batch,
    and far longer when anything else runs: 58 ms a token, against 21 ms this way under the same load.
    """
    return ThreadPoolExecutor(count, "prima-compute", initializer=lambda: torch.set_num_threads(1))
