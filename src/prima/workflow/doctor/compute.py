"""What there is to compute with: the GPU, or the processor and its bfloat16 units, by name."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CPU_FACTS = Path("/proc/cpuinfo")
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
# Flags of x86 processors whose bfloat16 is arithmetic, not only storage.
BF16_UNITS = {"amx_bf16": "AMX", "avx512_bf16": "AVX512_BF16"}


@dataclass(frozen=True, kw_only=True)
class Compute:
    """The GPU when torch sees one, else the processor.

    Args:
        name: its model, for people.
        memory_gib: of the GPU; None for a processor.
        bf16_units: what computes in bfloat16 here; empty when nothing does.
        idle_gpu: a GPU driver is there and torch does not use it.
    """

    device: Literal["cpu", "cuda"]
    name: str
    memory_gib: float | None = None
    bf16_units: tuple[str, ...] = ()
    idle_gpu: bool = False


def find_compute() -> Compute:
    """Look at this machine. Imports torch."""
    import torch

    with warnings.catch_warnings():
        # torch warns when it finds a driver it cannot use; `idle_gpu` says the same.
        warnings.simplefilter("ignore")
        has_gpu = torch.cuda.is_available()
    if has_gpu:
        facts = torch.cuda.get_device_properties(0)
        units: tuple[str, ...] = ("tensor cores",) if facts.major >= 8 else ()
        return Compute(device="cuda", name=facts.name, memory_gib=facts.total_memory / 2**30, bf16_units=units)
    cpu = cpu_facts(CPU_FACTS.read_text(encoding="utf-8", errors="replace") if CPU_FACTS.is_file() else "")
    units = tuple(word for flag, word in BF16_UNITS.items() if flag in cpu.get("flags", "").split())
    name = cpu.get("model name", "processor")
    return Compute(device="cpu", name=name, bf16_units=units, idle_gpu=NVIDIA_DRIVER.is_file())


def cpu_facts(text: str) -> dict[str, str]:
    """The facts of the first processor in the text of /proc/cpuinfo.

    Example:
        >>> cpu_facts("model name\\t: Some CPU\\nflags\\t\\t: fpu avx2\\n\\nmodel name\\t: another\\n")
        {'model name': 'Some CPU', 'flags': 'fpu avx2'}
    """
    lines = (line.partition(":") for line in text.split("\n\n", maxsplit=1)[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}
