"""Classic multi-frame objects: read where they say how their images follow, or with a note."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prima.dicom.header.multiframe import STACKED
from prima.predict.sources import find_studies
from prima.study import Study


def read_one(folder: Path) -> Study:
    (source,) = find_studies(folder).studies
    return source.read()


def write_frames(writer: Any, num_frames: int = 8, **elements: Any) -> None:
    frames = (np.arange(num_frames * 48).reshape(num_frames * 8, 6)).astype(np.uint16)
    dataset = writer.dataset(frames, Rows=8, NumberOfFrames=num_frames, ImagePositionPatient=[1.0, 2.0, 3.0])
    for keyword, value in elements.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    writer.save(dataset)


def test_stacked_by_the_distance_of_slices_with_a_note(writer) -> None:
    write_frames(writer, SpacingBetweenSlices=4.0)
    (series,) = read_one(writer.folder).series
    assert series.volume.voxels.shape == (8, 8, 6)
    assert series.volume.spacing_mm == pytest.approx((4.0, 0.5, 0.75))
    assert STACKED in series.notes
    assert series.volume.voxels[:, 0, 0].tolist() == [48 * index for index in range(8)]


@pytest.mark.parametrize("down", [False, True])
def test_a_position_for_each_frame(writer, down: bool) -> None:
    heights = [4.0 * index * (-1 if down else 1) for index in range(8)]
    write_frames(writer, ImagePositionPatient=[value for height in heights for value in (0.0, 0.0, height)])
    (series,) = read_one(writer.folder).series
    assert STACKED not in series.notes
    order = list(range(8))[::-1] if down else list(range(8))
    assert series.volume.voxels[:, 0, 0].tolist() == [48 * index for index in order]
    assert series.volume.affine.origin_mm[2] == min(heights)


def test_offsets_from_the_first_frame(writer) -> None:
    write_frames(writer, GridFrameOffsetVector=[3.0 * index for index in range(8)])
    (series,) = read_one(writer.folder).series
    assert series.volume.spacing_mm[0] == pytest.approx(3.0)
    assert STACKED not in series.notes


def test_frames_that_follow_in_time_are_no_stack(writer) -> None:
    write_frames(writer, num_frames=5, FrameIncrementPointer=0x00181063)
    study = read_one(writer.folder)
    assert study.series == ()
    assert {excluded.reason.value for excluded in study.excluded} == {"too_few_slices"}


def test_frames_without_any_distance(writer) -> None:
    write_frames(writer, SliceThickness=None)
    (excluded,) = read_one(writer.folder).excluded
    assert excluded.reason.value == "missing_geometry"
