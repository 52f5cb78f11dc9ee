"""Decoding the pixels of one file, once (PS3.5 section 8, annex A)."""

from __future__ import annotations

import importlib
import threading
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.uid import UID

from prima.dicom.header.element import BROKEN, raw_bytes
from prima.dicom.header.instance import Instance, PixelLayout
from prima.dicom.header.layout import is_encapsulated, native_bytes
from prima.dicom.header.mosaic import untile
from prima.dicom.pixels.codestream import frame_size, is_whole, jpeg_precision
from prima.errors import UnreadableError

# python-gdcm reads every compressed syntax we accept and pydicom itself reads RLE; neither is under the GPL.
_PLUGINS = ("pydicom", "gdcm")
_JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
_FAILED = (*BROKEN, RuntimeError)
_silence = threading.Lock()
_silenced = False


def decode(instance: Instance) -> NDArray[Any]:
    """The stored values of every image of a file, before rescale.

    Returns:
        [num_frames, rows, columns] in the smallest integer type that the header declares (or float32, float64), a
        mosaic cut into its slices; [num_frames, rows, columns, samples] for colour.

    Raises:
        UnreadableError: the data are absent, truncated, damaged or in a syntax that cannot be read.
    """
    layout = instance.pixels
    if layout is None or instance.unreadable is not None:
        raise UnreadableError(instance.unreadable or "no pixel data")
    try:
        values = _decode(instance, layout)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or 'input/output error'}") from None
    except MemoryError:
        raise UnreadableError("the pixel data claim more memory than there is") from None
    return untile(values[0], instance.tiling) if instance.tiling is not None else values


def _decode(instance: Instance, layout: PixelLayout) -> NDArray[Any]:
    if layout.offset is None:
        return _native(_inflated(instance, layout), layout)
    with instance.path.open("rb") as file:
        file.seek(layout.offset)
        if layout.length is not None and not is_encapsulated(layout):
            return _native(file.read(native_bytes(layout)), layout)
        return _encapsulated(file.read(layout.num_bytes if layout.length is None else layout.length), layout)


def _inflated(instance: Instance, layout: PixelLayout) -> bytes:
    """The pixel data of a deflated data set, which has to be inflated as a whole."""
    try:
        return raw_bytes(dcmread(instance.path, force=True), layout.kind) or b""
    except (InvalidDicomError, zlib.error, *BROKEN):
        raise UnreadableError("the deflated data set is damaged") from None


def _shape(layout: PixelLayout) -> tuple[int, ...]:
    shape = (layout.num_frames, layout.rows, layout.columns)
    return shape if layout.samples == 1 else (*shape, layout.samples)


def _native(data: bytes, layout: PixelLayout) -> NDArray[Any]:
    needed = native_bytes(layout)
    if len(data) < needed:
        raise UnreadableError(f"truncated: found {len(data)} of {needed} bytes of pixels")
    if layout.bits_allocated == 1:
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
        return bits[: int(np.prod(_shape(layout)))].reshape(_shape(layout))
    kind = "iu"[not layout.signed] if layout.kind == "PixelData" else "f"
    order = ">" if layout.big_endian else "<"
    values = np.frombuffer(data, f"{order}{kind}{layout.bits_allocated // 8}", count=int(np.prod(_shape(layout))))
    values = values.astype(values.dtype.newbyteorder("="), copy=False).reshape(_shape(layout))
    return _image_values(values, layout)


def _encapsulated(data: bytes, layout: PixelLayout) -> NDArray[Any]:
    _silence_gdcm()
    syntax = UID(layout.transfer_syntax)
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise UnreadableError(f"no decoder for {syntax.name}: export the images uncompressed") from None
    if not decoder.is_available:
        raise UnreadableError(f"no decoder for {syntax.name}: export the images uncompressed")
    if not is_whole(data):
        raise UnreadableError("truncated: the compressed image is not whole")
    claimed = frame_size(data)
    if claimed is not None and claimed != (layout.rows, layout.columns):
        raise UnreadableError(
            f"the header says {layout.rows} x {layout.columns}, the compressed image {claimed[0]} x {claimed[1]}"
        )
    frames = [_frame(decoder, data, layout, index) for index in range(layout.num_frames)]
    values = np.stack(frames)
    if values.shape != _shape(layout):
        raise UnreadableError(f"decoded to {values.shape}, expected {_shape(layout)}")
    return _image_values(values, layout)


def _frame(decoder: Decoder, data: bytes, layout: PixelLayout, index: int) -> NDArray[Any]:
    options: dict[str, Any] = {
        "transfer_syntax_uid": decoder.UID,
        "rows": layout.rows,
        "columns": layout.columns,
        "number_of_frames": layout.num_frames,
        "samples_per_pixel": layout.samples,
        "photometric_interpretation": layout.photometric,
        "planar_configuration": layout.planar,
        "bits_allocated": layout.bits_allocated,
        "bits_stored": layout.bits_stored,
        "pixel_representation": int(layout.signed),
        "pixel_keyword": layout.kind,
    }
    plugins = [name for name in _PLUGINS if name in decoder.available_plugins]
    for plugin in plugins:
        try:
            values, _ = decoder.as_array(data, index=index, raw=True, decoding_plugin=plugin, **options)
        except _FAILED:
            continue
        return np.asarray(values)
    if _is_jpeg_of_12_bits(layout, data):
        raise UnreadableError("no decoder for JPEG Extended with 12 bits: export the images uncompressed or lossless")
    raise UnreadableError(f"the compressed image {index + 1} of {layout.num_frames} is damaged")


def _is_jpeg_of_12_bits(layout: PixelLayout, data: bytes) -> bool:
    """Whether images are lossy JPEG of more than 8 bits, which no decoder here reads (PS3.5 8.2.1)."""
    precision = jpeg_precision(data)
    return layout.transfer_syntax == _JPEG_EXTENDED and (layout.bits_stored if precision is None else precision) > 8


def _image_values(values: NDArray[Any], layout: PixelLayout) -> NDArray[Any]:
    return _significant_bits(values, layout) if layout.padding is None else _without_padding(values, layout)


def _without_padding(values: NDArray[Any], layout: PixelLayout) -> NDArray[Any]:
    """Stored values with padding replaced by the darkest other value of the file, unless it is the darkest itself."""
    if layout.padding is None or values.dtype.kind not in "iu":
        return _significant_bits(values, layout)
    bits = values.dtype.itemsize * 8
    ends = [np.array(end % (1 << bits), f"u{bits // 8}").astype(values.dtype) for end in layout.padding]
    padding = (values >= min(ends)) & (values <= max(ends))
    if not padding.any() or padding.all():
        return _significant_bits(values, layout)
    inside = _significant_bits(values[~padding], layout)
    low, high = inside.min(), inside.max()
    result = _significant_bits(values, layout).copy()
    if layout.photometric == "MONOCHROME1":
        result[padding] = high
    elif not 0 <= max(ends) <= low:
        result[padding] = low
    return result


def _significant_bits(values: NDArray[Any], layout: PixelLayout) -> NDArray[Any]:
    """Mask what lies outside BitsStored (old overlays) and extend the sign (PS3.5 8.1.1)."""
    unused = layout.bits_allocated - layout.bits_stored
    if values.dtype.kind == "f" or unused == 0 or values.dtype.itemsize * 8 != layout.bits_allocated:
        return values
    above = max(layout.bits_allocated - 1 - layout.high_bit, 0)
    return np.right_shift(np.left_shift(values, above), unused) if layout.high_bit >= layout.bits_stored - 1 else values


def _silence_gdcm() -> None:
    """GDCM writes to stderr by default; its messages may quote elements."""
    global _silenced  # noqa: PLW0603 - GDCM keeps one switch for the process
    with _silence:
        if not _silenced:
            gdcm = importlib.import_module("gdcm")
            gdcm.Trace.WarningOff()
            gdcm.Trace.ErrorOff()
            gdcm.Trace.DebugOff()
            _silenced = True
