"""One NIfTI or FreeSurfer file as it is stored: voxels, affine and what the header says of its axes."""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from prima.errors import UnreadableError
from prima.study.affine import Affine
from prima.study.nifti_header import ImageHeader, read_image_header
from prima.study.volume import Volume

MAX_BYTES = 512 * 1024**2
"""A file whose header claims more voxels than this to be read is refused before anything is allocated."""

SMALL_BYTES = 64 * 1024**2
MAX_RATIO = 100
"""What unfolds to more than `SMALL_BYTES`, and to more than this many times its bytes on disk, is no image."""

MAX_VOLUMES_READ = 8
"""Of a file with more volumes than this, only the first is read: it is excluded whatever the others hold."""

MAX_DEFLATE_RATIO = 1032
"""No deflate stream expands further; a header that claims more than that is of a truncated file."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NiftiImage:
    """The contents of one file, in the axes of the file.

    Args:
        voxels: [T, K, J, I], the reverse of the file's axes i, j, k, t; native byte order, slope and intercept applied
            (then float64, else stored dtype). T is the number of volumes read, not of volumes stored.
        num_volumes: volumes the file stores.
        affine_ras: [4, 4] from (i, j, k, 1) to RAS millimetres; None when the header has no usable one.
        slice_axis: which of i, j, k (0, 1, 2) the header calls the slice axis; None when it does not say.
        digest: sha256 of shape, type, affine and stored voxels; the file's name, time and compression do not enter.
        intent: what the header calls its values when they are no intensities ("statistic", "labels", "vectors").
        notes: short lines about the header.
    """

    voxels: NDArray[Any]
    num_volumes: int
    affine_ras: NDArray[np.float64] | None
    slice_axis: int | None
    digest: bytes
    intent: str | None = None
    notes: tuple[str, ...] = ()


def read_nifti_image(path: Path) -> NiftiImage:
    """Read one `.nii`, `.hdr` with its `.img`, or `.mgz`, plain or gzipped.

    A stream is read to its end, so that its checksum is verified. Sizes are checked before memory is asked for.

    Raises:
        UnreadableError: with one line fit for a report: no path, no identifier.
    """
    try:
        with nib.imageglobals.LoggingOutputSuppressor():
            return _read(read_image_header(path))
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise UnreadableError("the compressed data are damaged") from None
        raise UnreadableError(f"cannot be opened: {error.strerror or 'input/output error'}") from None
    except (EOFError, zlib.error):
        raise UnreadableError("the compressed data are truncated or damaged") from None
    except MemoryError:
        raise UnreadableError("too large: it asks for more memory than there is") from None
    except (nib.filebasedimages.ImageFileError, nib.spatialimages.HeaderDataError, ValueError, OverflowError):
        raise UnreadableError("not a valid NIfTI header") from None


def _read(header: ImageHeader) -> NiftiImage:
    dtype = header.dtype
    if dtype.names is not None:
        raise UnreadableError("colour voxels, not intensities")
    if dtype.kind not in "iuf":
        raise UnreadableError(f"voxels of type {dtype.name}, expected integers or real numbers")
    if not header.shape or min(header.shape) < 1:
        raise UnreadableError("the header claims no voxels")
    shape = (*header.shape, 1, 1)[: max(3, len(header.shape))]
    num_volumes = math.prod(shape[3:])
    num_read = num_volumes if num_volumes <= MAX_VOLUMES_READ else 1
    stored = _stored_voxels(header, dtype, num_read * math.prod(shape[:3]), whole=num_read == num_volumes)
    digest = hashlib.sha256(repr((shape, dtype.str)).encode())
    digest.update(b"" if header.affine_ras is None else np.ascontiguousarray(header.affine_ras).tobytes())
    digest.update(stored.view(np.uint8).data)

    voxels = stored.reshape((num_read, *shape[2::-1]))
    voxels = voxels.astype(np.float64 if dtype.itemsize > 8 else dtype.newbyteorder("="), copy=False)
    if (header.slope, header.intercept) != (1.0, 0.0):
        voxels = voxels.astype(np.float64) * header.slope + header.intercept
    return NiftiImage(
        voxels=voxels,
        num_volumes=num_volumes,
        affine_ras=header.affine_ras,
        slice_axis=header.slice_axis,
        digest=digest.digest(),
        intent=header.intent,
        notes=header.notes,
    )


def _stored_voxels(header: ImageHeader, dtype: np.dtype[Any], count: int, *, whole: bool) -> NDArray[Any]:
    """The first `count` voxels in file order, one axis."""
    num_bytes, num_stored = count * dtype.itemsize, header.voxels_path.stat().st_size
    if num_bytes > MAX_BYTES:
        raise UnreadableError(f"too large: the header claims {num_bytes / 1024**2:.0f} MiB, more than is read")
    if num_bytes > num_stored * (MAX_DEFLATE_RATIO if header.compressed else 1):
        raise UnreadableError("truncated: fewer voxels than the header claims")
    if num_bytes > max(SMALL_BYTES, MAX_RATIO * num_stored) or header.offset > SMALL_BYTES:
        raise UnreadableError(f"too large: it unfolds to more than {MAX_RATIO} times its size")
    stored = np.empty(count, dtype)
    left = stored.view(np.uint8).data
    with header.open_voxels() as file:
        _pass_over(file, header.offset)
        while left:
            num_read = file.readinto(left)
            if not num_read:
                raise UnreadableError("truncated: fewer voxels than the header claims")
            left = left[num_read:]
        num_behind = 0
        while whole and header.compressed and (behind := file.read(1 << 20)):
            num_behind += len(behind)  # only the end of the stream holds its checksum
            if num_behind > SMALL_BYTES:
                raise UnreadableError("more data than the header claims")
    return stored


def _pass_over(file: IO[bytes], num_bytes: int) -> None:
    while num_bytes > 0 and (passed := file.read(min(num_bytes, 1 << 20))):
        num_bytes -= len(passed)


def slice_axis(image: NiftiImage) -> int:
    """Which of the file's axes i, j, k (0, 1, 2) the slices were stacked along.

    The header's word is taken unless the geometry contradicts it (another axis half as coarse again). Without it: the
    axis that is clearly the coarsest; else the one whose spacing differs from an equal pair; else, for an isotropic
    3-D acquisition, the axis with clearly the fewest voxels (a slab is cut no longer than it must be); else k.
    """
    if image.affine_ras is None:
        return 2 if image.slice_axis is None else image.slice_axis
    spacing = np.linalg.norm(image.affine_ras[:3, :3], axis=0)
    order = np.argsort(spacing)
    if image.slice_axis is not None and spacing[order[2]] <= 1.5 * spacing[image.slice_axis]:
        return image.slice_axis
    if spacing[order[2]] > 1.2 * spacing[order[1]]:
        return int(order[2])
    for odd, first, second in ((2, 0, 1), (1, 0, 2), (0, 1, 2)):
        pair_differs = abs(spacing[first] / spacing[second] - 1.0)
        if pair_differs < 0.005 and abs(spacing[odd] / spacing[first] - 1.0) > 0.02:
            return odd
    sizes = np.array(image.voxels.shape[:0:-1])
    fewest = np.argsort(sizes, kind="stable")
    return int(fewest[0]) if sizes[fewest[0]] <= 0.9 * sizes[fewest[1]] else 2


def volume_of(image: NiftiImage, index: int = 0) -> Volume:
    """One of the volumes read, in acquisition axes (slices first, the others in the order k, j, i), LPS.

    Raises:
        ValueError: the image has no affine.
    """
    if image.affine_ras is None:
        raise ValueError("affine: found none")
    first = slice_axis(image)
    axes = [first, *(axis for axis in (2, 1, 0) if axis != first)]
    voxels = image.voxels[index].transpose([2 - axis for axis in axes])
    return Volume(
        voxels=np.ascontiguousarray(voxels),
        affine=Affine.from_ras(image.affine_ras).reordered(axes),
    )
