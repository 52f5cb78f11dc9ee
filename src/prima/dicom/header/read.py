"""Reading the header of one file, once; the pixels stay where they are."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID

from prima.dicom.header import directory
from prima.dicom.header.component import component_of
from prima.dicom.header.deflated import check_inflated_size
from prima.dicom.header.diffusion import diffusion_of
from prima.dicom.header.directory import Directory, directory_of
from prima.dicom.header.element import BROKEN, integer, number, text, words
from prima.dicom.header.enhanced import enhanced_frames, is_enhanced
from prima.dicom.header.facts import acquisition_of, anatomy_of, is_echo_planar, scanning_sequence, study_facts
from prima.dicom.header.instance import Frame, Instance, PixelLayout, Tiling
from prima.dicom.header.layout import pixel_layout, unreadable_layout
from prima.dicom.header.mosaic import direction_note, tile_frames, tiling_of
from prima.dicom.header.multiframe import classic_frames, stacking_note
from prima.dicom.header.plane import orientation_of, position_of, spacing_of, thickness_of
from prima.errors import UnreadableError
from prima.files.walk import NOT_PERMITTED

Header = tuple[Instance, tuple[Frame, ...]]

_SUFFIXES = {".dcm", ".dicom", ".ima"}
_FIRST_GROUPS = {b"\x02\x00", b"\x08\x00", b"\x00\x08"}


def read_header(path: Path) -> Header | None:
    """Read one file up to its pixels; None when it is no DICOM image or object, and for a DICOMDIR.

    Raises:
        UnreadableError: as `read_file`.
    """
    header = read_file(path)
    return None if isinstance(header, Directory) else header


def read_file(path: Path) -> Header | Directory | None:
    """Read one file up to its pixels.

    Returns:
        The instance and its frames, or a DICOMDIR, or None when the file is not DICOM.

    Raises:
        UnreadableError: the file is DICOM, or says so by its name, and cannot be read.
    """
    with named_errors(), path.open("rb") as file:
        start = file.read(1024)
        file.seek(0)
        if not looks_like_dicom(start):
            if path.suffix.lower() in _SUFFIXES:
                raise UnreadableError("named like a DICOM file and is none" if start else "empty file")
            return None
        check_inflated_size(start, file)
        return _read(path, file)


@contextmanager
def named_errors() -> Iterator[None]:
    """Whatever goes wrong while a file is read becomes one line that says so.

    Raises:
        UnreadableError: in place of what the file system or the parser raised.
    """
    try:
        yield
    except PermissionError:
        raise UnreadableError(NOT_PERMITTED) from None
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or 'input/output error'}") from None
    except RecursionError:
        raise UnreadableError("sequences are nested too deeply") from None
    except MemoryError:
        raise UnreadableError("an element claims more memory than there is") from None
    except (InvalidDicomError, zlib.error, *BROKEN):
        raise UnreadableError("not a valid DICOM data set: truncated or damaged") from None


def looks_like_dicom(start: bytes) -> bool:
    """Whether a file begins like DICOM: with the preamble of Part 10, or with the first element of a bare data set."""
    if start[128:132] == b"DICM":
        return True
    explicit = start[4:6].isalpha() and start[4:6].isupper()
    implicit = len(start) >= 8 and int.from_bytes(start[4:8], "little") < 256
    return start[:2] in _FIRST_GROUPS and start[3:4] <= b"\x20" and (explicit or implicit)


def _read(path: Path, file: BinaryIO) -> Header | Directory:
    dataset = dcmread(file, stop_before_pixels=True, force=True)
    meta = dataset.file_meta
    sop_class = text(dataset, "SOPClassUID") or text(meta, "MediaStorageSOPClassUID") or ""
    if sop_class == directory.SOP_CLASS or "DirectoryRecordSequence" in dataset:
        return directory_of(path, dataset)
    if not sop_class and text(dataset, "Modality") is None and text(dataset, "SeriesInstanceUID") is None:
        raise UnreadableError("not a valid DICOM data set: truncated or damaged")
    layout = pixel_layout(dataset, file, _transfer_syntax(dataset))
    tiling = tiling_of(dataset, layout)
    instance = _instance(path, dataset, sop_class, layout, tiling)
    if layout is None or instance.unreadable is not None:
        return instance, (_frame(dataset, instance, 0),)
    if is_enhanced(dataset):
        return instance, enhanced_frames(dataset, instance)
    first = _frame(dataset, instance, 0)
    if tiling is not None:
        return instance, tile_frames(dataset, first, tiling)
    return instance, classic_frames(dataset, first, layout.num_frames) if layout.num_frames > 1 else (first,)


def _transfer_syntax(dataset: Dataset) -> str:
    syntax = text(dataset.file_meta, "TransferSyntaxUID")
    if syntax is not None:
        return str(UID(syntax))
    implicit, little = dataset.original_encoding
    if implicit:
        return "1.2.840.10008.1.2"
    return "1.2.840.10008.1.2.1" if little else "1.2.840.10008.1.2.2"


def _instance(
    path: Path, dataset: Dataset, sop_class: str, layout: PixelLayout | None, tiling: Tiling | None
) -> Instance:
    scanning = scanning_sequence(dataset)
    return Instance(
        path=path,
        sop_class=sop_class,
        sop_uid=text(dataset, "SOPInstanceUID") or "",
        study_uid=text(dataset, "StudyInstanceUID") or "",
        series_uid=text(dataset, "SeriesInstanceUID") or "",
        number=integer(dataset, "SeriesNumber"),
        instance_number=integer(dataset, "InstanceNumber"),
        modality=(text(dataset, "Modality") or "").upper(),
        description=text(dataset, "SeriesDescription"),
        protocol=text(dataset, "ProtocolName"),
        study=study_facts(dataset),
        body_part=text(dataset, "BodyPartExamined"),
        anatomy=anatomy_of(dataset),
        image_type=words(dataset, "ImageType"),
        scanning_sequence=scanning,
        sequence_variant=words(dataset, "SequenceVariant"),
        sequence_name=text(dataset, "SequenceName") or text(dataset, "PulseSequenceName"),
        echo_planar=is_echo_planar(dataset, scanning),
        num_time_points=integer(dataset, "NumberOfTemporalPositions"),
        conversion_type=text(dataset, "ConversionType"),
        tiling=tiling,
        acquisition=acquisition_of(dataset),
        pixels=layout,
        unreadable=unreadable_layout(dataset, sop_class, layout),
        frame_of_reference=text(dataset, "FrameOfReferenceUID"),
        note=_place_note(dataset, layout, tiling),
    )


def _place_note(dataset: Dataset, layout: PixelLayout | None, tiling: Tiling | None) -> str | None:
    if layout is None or is_enhanced(dataset):
        return None
    return direction_note(dataset) if tiling is not None else stacking_note(dataset, layout.num_frames)


def _frame(dataset: Dataset, instance: Instance, index: int) -> Frame:
    layout = instance.pixels
    diffusion = diffusion_of(dataset)
    slope = number(dataset, "RescaleSlope")
    return Frame(
        instance=instance,
        index=index,
        rows=0 if layout is None else layout.rows,
        columns=0 if layout is None else layout.columns,
        position=position_of(dataset),
        orientation=orientation_of(dataset),
        spacing_mm=spacing_of(dataset),
        thickness_mm=thickness_of(dataset),
        image_type=instance.image_type,
        component=component_of(dataset, instance.image_type),
        echo_time_ms=number(dataset, "EchoTime"),
        b_value=diffusion.b_value,
        direction=diffusion.direction,
        directionality=diffusion.directionality,
        temporal_index=integer(dataset, "TemporalPositionIdentifier"),
        acquisition_number=integer(dataset, "AcquisitionNumber"),
        trigger_time_ms=number(dataset, "TriggerTime"),
        inversion_time_ms=number(dataset, "InversionTime"),
        slope=1.0 if slope is None else slope,
        intercept=number(dataset, "RescaleIntercept") or 0.0,
    )
