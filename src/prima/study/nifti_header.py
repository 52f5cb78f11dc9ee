"""The header of a NIfTI, Analyze or FreeSurfer (`.mgz`) file, read without its extensions and without its voxels.

Only a few hundred bytes of a file are read, whatever it claims: a header names sizes, and those are checked before
anything of that size is asked for.
"""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from prima.errors import UnreadableError
from prima.study.volume import why_no_extent

_SUFFIX = re.compile(r"\.(nii|hdr|img|mgh)(\.gz)?$|\.mgz$", re.IGNORECASE)
_HEADER_BYTES: dict[int, Any] = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
_ANALYZE: Any = nib.AnalyzeHeader
_MM_OF_UNIT = {1: 1000.0, 3: 0.001}
_UNIT_WORDS = {1: "metres", 3: "micrometres"}
_INTENTS = {
    **dict.fromkeys(range(2, 25), "statistic"),
    **dict.fromkeys((1002, 1003), "labels"),
    **dict.fromkeys((1004, 1005, 1006, 1007), "vectors"),
    2003: "colours",
}
_STATISTIC = re.compile(rb"SPM\{[A-Z]_|spm[TF]_")
# Corners of the volume that lie further apart than this by sform and by qform make a note.
_SAME_PLACE_MM = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageHeader:
    """What is read of a header.

    Args:
        voxels_path: the file that holds the voxels.
        compressed: whether that is gzipped.
        offset: of the first voxel, in bytes of the unfolded file.
        shape: sizes along i, j, k, t, …
        dtype: of the stored voxels, with its byte order.
        slope, intercept: to be applied to them.
        affine_ras: [4, 4] to RAS mm; None when there is no usable one.
        slice_axis: which of i, j, k is the slice axis; None when the header does not say.
        intent: what its values are when they are no intensities.
        notes: short lines about units and geometry.
    """

    voxels_path: Path
    compressed: bool
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    slope: float = 1.0
    intercept: float = 0.0
    affine_ras: NDArray[np.float64] | None = None
    slice_axis: int | None = None
    intent: str | None = None
    notes: tuple[str, ...] = ()

    def open_voxels(self) -> Any:
        """The unfolded stream of the file with the voxels."""
        return gzip.open(self.voxels_path, "rb") if self.compressed else self.voxels_path.open("rb")


def is_image_name(name: str) -> bool:
    """Whether a file is NIfTI, a pair of `.hdr` and `.img`, or FreeSurfer by its name; macOS's shadow files are not.

    Example:
        >>> is_image_name("T1w.nii.gz"), is_image_name("T1.mgz"), is_image_name("._T1w.nii"), is_image_name("T1w.json")
        (True, True, False, False)
    """
    return _SUFFIX.search(name) is not None and not name.startswith("._")


def stem_of_name(name: str) -> str:
    """A file's name without the suffix of its format.

    Example:
        >>> stem_of_name("sub-01_T1w.nii.gz"), stem_of_name("orig.MGZ")
        ('sub-01_T1w', 'orig')
    """
    return _SUFFIX.sub("", name)


def is_image(path: Path) -> bool:
    """Whether a path is a file that `read_image_header` takes.

    `.hdr` and `.img` are names of other formats, too: a `.hdr` counts when it begins like one, an `.img` never by
    itself, for it is read with its header.
    """
    name = path.name.lower()
    if not is_image_name(name) or not path.is_file():
        return False
    if ".img" in Path(name).suffixes:
        return False
    if ".hdr" not in Path(name).suffixes:
        return True
    try:
        return _size_word(_first_bytes(path, 4)) is not None
    except (OSError, EOFError, UnreadableError):
        return False


def voxels_of_header(path: Path) -> Path | None:
    """The `.img` that belongs to a `.hdr`; None for another file, and when there is none beside it."""
    if ".hdr" not in Path(path.name.lower()).suffixes:
        return None
    stem = stem_of_name(path.name)
    for suffix in (".img", ".img.gz", ".IMG", ".IMG.gz"):
        if (beside := path.with_name(stem + suffix)).is_file():
            return beside
    return None


def read_image_header(path: Path) -> ImageHeader:
    """Read the header of one file.

    Raises:
        UnreadableError: it is none of the formats, or a pair is not whole.
        OSError, EOFError, ValueError: what reading and parsing raise.
    """
    name = path.name.lower()
    if name.endswith((".mgz", ".mgh", ".mgh.gz")):
        return _freesurfer(path, compressed=not name.endswith(".mgh"))
    size = _size_word(start := _first_bytes(path, 540))
    if size is None:
        raise UnreadableError("not a NIfTI image")
    block = start[:size]
    if len(block) < size:
        raise UnreadableError("not a valid NIfTI header")
    magic = block[344:348] if size == 348 else block[4:8]
    separate = ".hdr" in Path(name).suffixes
    voxels_path = voxels_of_header(path) if separate else path
    if voxels_path is None:
        raise UnreadableError("a .hdr without the .img that holds its voxels")
    compressed = voxels_path.name.lower().endswith(".gz")
    if magic[:3] not in (b"n+1", b"ni1", b"n+2", b"ni2"):
        if not separate:
            raise UnreadableError("not a valid NIfTI header")
        analyze = _ANALYZE(block, check=False)
        return ImageHeader(
            voxels_path=voxels_path,
            compressed=compressed,
            offset=int(analyze.get_data_offset()),
            shape=_shape(analyze),
            dtype=analyze.get_data_dtype(),
            notes=("an Analyze header, which does not say where left and right are",),
        )
    header: Any = _HEADER_BYTES[size](block)
    slope, intercept = header.get_slope_inter()
    affine, notes = _nifti_affine(header)
    code = int(header["intent_code"])
    statistic = _STATISTIC.search(bytes(header["descrip"].tobytes()))
    return ImageHeader(
        voxels_path=voxels_path,
        compressed=compressed,
        offset=int(header.get_data_offset()) if magic[1:2] == b"+" else int(header["vox_offset"]),
        shape=_shape(header),
        dtype=header.get_data_dtype(),
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
        affine_ras=affine,
        slice_axis=header.get_dim_info()[2],
        intent="statistic" if statistic else _INTENTS.get(code),
        notes=notes,
    )


def _shape(header: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in header.get_data_shape())


def _first_bytes(path: Path, count: int) -> bytes:
    opened: Callable[..., Any] = gzip.open if path.name.lower().endswith((".gz", ".mgz")) else io.open
    with opened(path, "rb") as file:
        start: bytes = file.read(count)
    return start


def _size_word(start: bytes) -> int | None:
    """The header's own word for its size, in either byte order: 348 or 540."""
    sizes = (int.from_bytes(start[:4], "little"), int.from_bytes(start[:4], "big"))
    return next((size for size in sizes if size in _HEADER_BYTES), None)


def _nifti_affine(header: Any) -> tuple[NDArray[np.float64] | None, tuple[str, ...]]:
    """The sform when the header has a usable one, else the qform, else None (pixel sizes alone are no geometry)."""
    matrices = [matrix for getter in (header.get_sform, header.get_qform) if (matrix := _usable(getter)) is not None]
    if not matrices:
        return None, ()
    shape = (*_shape(header), 1, 1, 1)[:3]
    factor, notes = _mm_factor(int(header["xyzt_units"]) & 7, matrices[0], shape)
    scale = np.diag([factor, factor, factor, 1.0])
    affine = scale @ matrices[0]
    if len(matrices) == 2:
        corners = np.array([(i, j, k, 1) for i in (0, shape[0]) for j in (0, shape[1]) for k in (0, shape[2])], float)
        apart = float(np.linalg.norm(corners @ (affine - scale @ matrices[1]).T, axis=1).max())
        if apart > _SAME_PLACE_MM:
            mirrored = np.linalg.det(matrices[0][:3, :3]) * np.linalg.det(matrices[1][:3, :3]) < 0
            sides = ", and they mirror each other" if mirrored else ""
            notes = (*notes, f"sform and qform disagree by up to {apart:.0f} mm{sides}: the sform is used")
    return affine, notes


def _usable(getter: Callable[..., Any]) -> NDArray[np.float64] | None:
    try:
        affine, code = getter(coded=True)
    except (ValueError, nib.spatialimages.HeaderDataError):
        return None
    if not code or affine is None or not np.isfinite(affine).all():
        return None
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if not (sizes > 0).all() or abs(np.linalg.det(affine[:3, :3] / sizes)) < 1e-3:
        return None
    return np.asarray(affine, np.float64)


def _mm_factor(unit: int, affine: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[float, tuple[str, ...]]:
    """Millimetres of the header's unit, with a note; 1 where the unit would make a size that no head has."""
    if unit not in _MM_OF_UNIT:
        return 1.0, ()
    spacing, factor = np.linalg.norm(affine[:3, :3], axis=0), _MM_OF_UNIT[unit]
    if why_no_extent(shape, spacing * factor) is not None and why_no_extent(shape, spacing) is None:
        return 1.0, (f"the header's unit, {_UNIT_WORDS[unit]}, cannot be: taken for millimetres",)
    return factor, (f"the header's unit is {_UNIT_WORDS[unit]}: converted to millimetres",)


def _freesurfer(path: Path, *, compressed: bool) -> ImageHeader:
    """Header of `.mgz` (FreeSurfer's MGH format): sizes, type and affine lie in its first bytes, big-endian."""
    kind: Any = nib.freesurfer.mghformat.MGHHeader
    header_bytes, footer_bytes = kind._hdrdtype.itemsize, kind._ftrdtype.itemsize
    opened: Callable[..., Any] = gzip.open if compressed else io.open
    with opened(path, "rb") as file:
        block = file.read(header_bytes)
    if len(block) < header_bytes or int.from_bytes(block[:4], "big") != 1:
        raise UnreadableError("not a FreeSurfer image")
    header = kind(block + bytes(footer_bytes), check=False)
    affine = np.asarray(header.get_affine(), np.float64) if block[28:30] == b"\x00\x01" else None
    if affine is not None and (not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9):
        affine = None
    return ImageHeader(
        voxels_path=path,
        compressed=compressed,
        offset=284,
        shape=_shape(header),
        dtype=header.get_data_dtype(),
        affine_ras=affine,
    )
