"""What is kept of one DICOM file after its header was read: an `Instance`, and a `Frame` for each image in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prima.study.study import Acquisition

Vector = tuple[float, float, float]
Orientation = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelLayout:
    """Where the pixel data lie in the file and how they are encoded (PS3.3 C.7.6.3, PS3.5 section 8 and annex A).

    Args:
        offset: byte offset of the value (after tag, VR and length); None when the data set is deflated.
        length: bytes of the value, None when undefined (encapsulated).
        num_bytes: bytes in the file from the value on.
        kind: which element holds the pixels.
        padding: stored values from the first to the second are no image (PixelPaddingValue, PixelPaddingRangeLimit).
    """

    offset: int | None
    length: int | None
    num_bytes: int
    kind: str
    transfer_syntax: str
    big_endian: bool
    rows: int
    columns: int
    num_frames: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    planar: int
    padding: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """A mosaic: one stored image that holds `num_tiles` slices in a grid, filled row by row from the upper left."""

    num_tiles: int
    grid_rows: int
    grid_columns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyHeader:
    """What one file says of its study and patient; never a name or an identifier."""

    description: str | None = None
    indication: str | None = None
    date: str | None = None
    age_years: float | None = None
    sex: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Instance:
    """One file that is a DICOM object: identity, what it says of its series, and where its pixels are.

    `unreadable` says why the pixels of an image cannot be read, as far as the header tells; `note` what was assumed
    of their place.
    """

    path: Path
    sop_class: str
    sop_uid: str
    study_uid: str
    series_uid: str
    number: int | None
    instance_number: int | None
    modality: str
    description: str | None
    protocol: str | None
    study: StudyHeader
    body_part: str | None
    anatomy: tuple[str, ...]
    image_type: tuple[str, ...]
    scanning_sequence: tuple[str, ...]
    sequence_variant: tuple[str, ...]
    sequence_name: str | None
    echo_planar: bool
    num_time_points: int | None
    conversion_type: str | None
    tiling: Tiling | None
    acquisition: Acquisition
    pixels: PixelLayout | None
    unreadable: str | None
    frame_of_reference: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One image of an instance: where it lies, and what sets it apart from others at the same place.

    Args:
        index: its place in the decoded array of the instance.
        rows, columns: its matrix (of one tile when the instance is a mosaic).
        position: ImagePositionPatient, LPS mm, centre of the first voxel.
        orientation: ImageOrientationPatient, direction of increasing column index, then of increasing row index.
        spacing_mm: PixelSpacing, between rows, then between columns.
        thickness_mm: distance to the next slice as the header has it, else the slice thickness.
        component: MAGNITUDE, PHASE, REAL or IMAGINARY, None when the header does not say.
        slope, intercept: rescale to be applied to the stored values.
    """

    instance: Instance
    index: int
    rows: int
    columns: int
    position: Vector | None
    orientation: Orientation | None
    spacing_mm: tuple[float, float] | None
    thickness_mm: float | None
    image_type: tuple[str, ...]
    component: str | None
    echo_time_ms: float | None
    b_value: float | None
    direction: Vector | None
    directionality: str | None
    temporal_index: int | None
    acquisition_number: int | None
    trigger_time_ms: float | None
    inversion_time_ms: float | None
    slope: float
    intercept: float
