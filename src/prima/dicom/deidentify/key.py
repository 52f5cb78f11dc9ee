"""The site's secret: everything that replaces an identity is made from it, and nothing leads back without it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from prima.errors import UsageError
from prima.files.durable import write_bytes

# A key shorter than this could be guessed.
MIN_KEY_BYTES = 16


@dataclass(frozen=True)
class SiteKey:
    """A secret of at least 16 bytes; never printed, not even by `repr`."""

    secret: bytes = field(repr=False)

    @classmethod
    def random(cls) -> Self:
        """A key that nobody else has."""
        return cls(secrets.token_hex(32).encode("ascii"))

    @classmethod
    def make(cls, path: Path) -> Self:
        """Write a new key that only its owner may read (mode 0600).

        Raises:
            UsageError: the file is there already; a key is never overwritten.
        """
        key = cls.random()
        try:
            write_bytes(path, key.secret + b"\n", replace=False, mode=0o600)
        except FileExistsError:
            raise UsageError(
                f"{path}: is there already, and a key is never overwritten; leave --make-key out"
            ) from None
        return key

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a key; spaces and line breaks at its ends do not count.

        Raises:
            UsageError: there is no such file, or it holds fewer than 16 bytes.
        """
        try:
            secret = path.read_bytes().strip()
        except FileNotFoundError:
            raise UsageError(f"{path}: no such key; --make-key makes one") from None
        if len(secret) < MIN_KEY_BYTES:
            raise UsageError(f"{path}: found a key of {len(secret)} bytes, expected at least {MIN_KEY_BYTES}")
        return cls(secret)

    def digest(self, purpose: str, value: str) -> bytes:
        """32 bytes that stand for a value, different for each purpose (HMAC-SHA256)."""
        message = purpose.encode("ascii") + b"\0" + value.encode("utf-8", "surrogateescape")
        return hmac.new(self.secret, message, hashlib.sha256).digest()

    @property
    def fingerprint(self) -> str:
        """Tells keys apart without giving one away."""
        return self.digest("fingerprint", "").hex()[:16]


def others_may_read(path: Path) -> bool:
    """Whether the file's mode lets anyone but its owner read it."""
    return bool(stat.S_IMODE(path.stat().st_mode) & (stat.S_IRGRP | stat.S_IROTH))
