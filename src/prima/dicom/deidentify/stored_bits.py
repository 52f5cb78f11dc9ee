"""The bits of a sample that belong to its value (PS3.5 8.1.1), and nothing in the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from prima.dicom.header.element import integer
from prima.errors import UnreadableError

_WHOLE = {8, 16, 32, 64}


@dataclass(frozen=True, kw_only=True)
class StoredBits:
    """Where the value lies in a sample.

    Args:
        allocated: bits of a sample: 1, 8, 16, 32 or 64.
        stored: bits of the value.
        high: the place of its highest bit.
        signed: whether that bit is a sign.
    """

    allocated: int
    stored: int
    high: int
    signed: bool

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """As a header declares them; where it makes no sense, the whole sample or its lower bits.

        Raises:
            UnreadableError: BitsAllocated is none of 1, 8, 16, 32 and 64.
        """
        allocated = integer(dataset, "BitsAllocated") or 0
        if allocated != 1 and allocated not in _WHOLE:
            raise UnreadableError(f"BitsAllocated: found {allocated}, expected 1, 8, 16, 32 or 64")
        stored = integer(dataset, "BitsStored") or allocated
        stored = stored if 0 < stored <= allocated else allocated
        high = integer(dataset, "HighBit")
        high = stored - 1 if high is None or not stored - 1 <= high < allocated else high
        signed = integer(dataset, "PixelRepresentation") == 1
        return cls(allocated=allocated, stored=stored, high=high, signed=signed)

    def clean(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Samples without anything outside their value; the same array when there was nothing.

        Args:
            samples: unsigned, of `allocated` bits.
        """
        if self.stored == self.allocated:
            return samples
        lowest = self.high - self.stored + 1
        mask = samples.dtype.type(((1 << self.stored) - 1) << lowest)
        masked = samples & mask
        if np.array_equal(masked, samples):
            return samples
        if not self.signed or lowest:
            return np.asarray(masked)
        sign = samples.dtype.type(1 << self.high)
        extended = np.where(masked & sign, masked | ~mask, masked)
        return samples if np.array_equal(extended, samples) else np.asarray(extended)

    def clean_native(self, data: bytes, *, num_samples: int, big_endian: bool) -> bytes:
        """The bytes of native pixels, cleaned; of 1-bit pixels the unused bits of the last byte."""
        if self.allocated == 1:
            spare = -num_samples % 8
            return data[:-1] + bytes([data[-1] & (0xFF >> spare)]) if spare and data else data
        kind = np.dtype(f"u{self.allocated // 8}").newbyteorder(">" if big_endian else "<")
        samples = np.frombuffer(data, kind)
        cleaned = self.clean(samples)
        return data if cleaned is samples else cleaned.astype(kind, copy=False).tobytes()

    def clean_planes(self, planes: list[bytes], *, num_samples: int) -> list[bytes]:
        """The byte planes of an RLE frame, cleaned; the same list when nothing lay outside the values.

        Args:
            planes: for each sample its bytes, the highest first.
            num_samples: samples of a pixel.
        """
        size = self.allocated // 8
        made: list[bytes] = []
        changed = False
        for sample in range(num_samples):
            group = planes[sample * size : (sample + 1) * size]
            joined = np.stack([np.frombuffer(plane, np.uint8) for plane in group], axis=1)
            values = np.ascontiguousarray(joined).view(np.dtype(f">u{size}")).ravel()
            cleaned = self.clean(values)
            changed |= cleaned is not values
            split = np.ascontiguousarray(cleaned.astype(f">u{size}", copy=False)).view(np.uint8).reshape(-1, size)
            made += [split[:, place].tobytes() for place in range(size)]
        return made if changed else planes
