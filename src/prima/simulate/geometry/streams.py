"""Independent random streams: each stage of each study draws from its own, so that one may change without the others.

A patient with and without a lesion, from the same seed, has the same anatomy, the same scanner and the same noise.
"""

from __future__ import annotations

import hashlib

import numpy as np


def stream(*key: int | str) -> np.random.Generator:
    """A generator that depends on its key alone, on every machine and in any order of use.

    Example:
        >>> bool(stream(0, 7, "anatomy").random() == stream(0, 7, "anatomy").random())
        True
        >>> bool(stream(0, 7, "anatomy").random() == stream(0, 7, "noise").random())
        False
    """
    return np.random.default_rng(seed_of(*key))


def seed_of(*key: int | str) -> int:
    """A 63-bit number that depends on its key alone.

    Example:
        >>> seed_of(0, 7, "anatomy") == seed_of(0, "7", "anatomy")
        False
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in key)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
