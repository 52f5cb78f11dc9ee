"""Diffusion weighting of one image: the standard macro first, then what vendors wrote before it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from prima.dicom.header.element import item, number, numbers, raw_bytes, text, values_of
from prima.dicom.header.instance import Vector

_SIEMENS_NAME = re.compile(r"ep_b(\d+)(t?)(?:#(\d+))?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Diffusion:
    """b-value in s/mm², gradient direction when the image has one, and DiffusionDirectionality."""

    b_value: float | None = None
    direction: Vector | None = None
    directionality: str | None = None


def diffusion_of(dataset: Dataset) -> Diffusion:
    """Diffusion weighting of a classic image.

    Standard elements (0018,9087), (0018,9089), (0018,9075), then Siemens (0019,100C)/(0019,100E) and SequenceName,
    GE (0043,1039) with the direction in (0019,10BB..BD), Philips (2001,1003) and (2001,1004), UIH (0065,1009).
    """
    maker = (text(dataset, "Manufacturer") or "").upper()
    diffusion = _standard(dataset)
    if diffusion.b_value is None and "SIEMENS" in maker:
        diffusion = _siemens(dataset)
    elif diffusion.b_value is None and maker.startswith("GE"):
        diffusion = _ge(dataset)
    elif diffusion.b_value is None and "PHILIPS" in maker:
        diffusion = Diffusion(
            b_value=_float32(dataset, (0x2001, 0x1003)),
            directionality=_philips_directionality(text(dataset, (0x2001, 0x1004))),
        )
    elif diffusion.b_value is None and maker.startswith("UIH"):
        diffusion = Diffusion(b_value=number(dataset, (0x0065, 0x1009)), direction=_vector(dataset, (0x0065, 0x1037)))
    return diffusion


def standard_diffusion(group: Dataset) -> Diffusion:
    """Diffusion weighting from an item of the MR Diffusion Sequence (PS3.3 C.8.13.5.9)."""
    return _standard(group)


def _standard(dataset: Dataset) -> Diffusion:
    directions = item(dataset, "DiffusionGradientDirectionSequence")
    source = dataset if directions is None else directions
    directionality = text(dataset, "DiffusionDirectionality")
    return Diffusion(
        b_value=number(dataset, "DiffusionBValue"),
        direction=_direction(numbers(source, "DiffusionGradientOrientation", 3)),
        directionality=None if directionality is None else directionality.upper(),
    )


def _siemens(dataset: Dataset) -> Diffusion:
    b_value = number(dataset, (0x0019, 0x100C))
    direction = _direction(numbers(dataset, (0x0019, 0x100E), 3))
    named = _SIEMENS_NAME.search(text(dataset, "SequenceName") or "")
    directionality = None
    if named is not None:
        b_value = float(named[1]) if b_value is None else b_value
        directionality = "ISOTROPIC" if named[2] else "DIRECTIONAL" if named[3] else None
    return Diffusion(b_value=b_value, direction=direction, directionality=directionality)


def _ge(dataset: Dataset) -> Diffusion:
    values = values_of(dataset, (0x0043, 0x1039))
    raw = raw_bytes(dataset, (0x0043, 0x1039))
    if raw is not None:
        values = tuple(raw.decode("ascii", "replace").split("\\"))
    try:
        b_value = float(values[0]) % 1e5 if values else None  # newer software adds 1e9 as a flag
    except (TypeError, ValueError):
        b_value = None
    parts = [number(dataset, (0x0019, tag)) for tag in (0x10BB, 0x10BC, 0x10BD)]
    direction = None
    if b_value and None not in parts:
        direction = _direction(tuple(part or 0.0 for part in parts))
    return Diffusion(b_value=b_value, direction=direction)


def _philips_directionality(code: str | None) -> str | None:
    names = {"P": "DIRECTIONAL", "M": "DIRECTIONAL", "S": "DIRECTIONAL", "O": "DIRECTIONAL", "I": "ISOTROPIC"}
    return None if code is None else names.get(code[:1].upper())


def _vector(dataset: Dataset, tag: tuple[int, int]) -> Vector | None:
    raw = raw_bytes(dataset, tag)
    if raw is not None and len(raw) == 24:
        return _direction(tuple(float(value) for value in np.frombuffer(raw, "<f8")))
    return _direction(numbers(dataset, tag, 3))


def _float32(dataset: Dataset, tag: tuple[int, int]) -> float | None:
    raw = raw_bytes(dataset, tag)
    if raw is not None and len(raw) == 4:
        value = float(np.frombuffer(raw, "<f4")[0])
        return value if np.isfinite(value) else None
    return number(dataset, tag)


def _direction(vector: tuple[float, ...] | None) -> Vector | None:
    """A gradient direction; the zero vector stands for none."""
    if vector is None or len(vector) != 3 or not np.isfinite(vector).all() or not any(vector):
        return None
    return (vector[0], vector[1], vector[2])
