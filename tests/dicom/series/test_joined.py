"""Slices that were each given a UID or number of their own become the series that they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prima.predict.sources import find_studies
from prima.study import Reason, Study

FRAME = "1.2.3.77"


def read_one(folder: Path) -> Study:
    (source,) = find_studies(folder).studies
    return source.read()


def scattered(writer: Any, num_slices: int = 8, *, number: int = 1, **elements: Any) -> None:
    for index in range(num_slices):
        writer.image(
            100 * index + 7 * (number - 1),
            **{
                "SeriesInstanceUID": f"1.2.3.5.{number}.{index}",
                "SeriesNumber": number,
                "FrameOfReferenceUID": FRAME,
                "ImagePositionPatient": [0.0, 0.0, 5.0 * index],
                **elements,
            },
        )


def test_a_uid_for_each_slice(writer) -> None:
    scattered(writer)
    (series,) = read_one(writer.folder).series
    assert series.num_slices == 8
    assert series.notes[0] == "8 series of one slice each that agree in all else: joined"
    assert series.volume.voxels[:, 0, 0].tolist() == [100 * index for index in range(8)]


def test_a_number_for_each_slice(writer) -> None:
    for index in range(6):
        writer.image(
            100 * index, SeriesNumber=index + 1, FrameOfReferenceUID=FRAME, ImagePositionPatient=[0.0, 0.0, 5.0 * index]
        )
    (series,) = read_one(writer.folder).series
    assert series.num_slices == 6


def test_two_series_scattered_in_one_study(writer) -> None:
    scattered(writer, SeriesDescription="AX T1", number=1)
    scattered(writer, SeriesDescription="AX T2", number=2)
    writer.stack(
        6,
        base=50,
        SeriesDescription="AX FLAIR",
        SeriesInstanceUID="1.2.3.99",
        SeriesNumber=3,
        FrameOfReferenceUID=FRAME,
    )
    study = read_one(writer.folder)
    assert [(series.description, series.num_slices) for series in study.series] == [
        ("AX T1", 8),
        ("AX T2", 8),
        ("AX FLAIR", 6),
    ]


def test_two_echoes_in_each_series_of_one_slice(writer) -> None:
    for index in range(6):
        for echo in (20.0, 90.0):
            writer.image(
                100 * index + int(echo),
                SeriesInstanceUID=f"1.2.3.5.{index}",
                EchoTime=echo,
                FrameOfReferenceUID=FRAME,
                ImagePositionPatient=[0.0, 0.0, 5.0 * index],
            )
    study = read_one(writer.folder)
    assert [(series.part, series.num_slices) for series in study.series] == [("echo 1", 6), ("echo 2", 6)]


@pytest.mark.parametrize(
    "differs",
    [
        {"FrameOfReferenceUID": lambda index: f"1.2.3.8.{index}"},
        {"FrameOfReferenceUID": lambda index: None},
        {"SeriesDescription": lambda index: f"series {index}"},
        {"ImageOrientationPatient": lambda index: [1.0, 0, 0, 0, 1.0, 0] if index % 2 else [0, 1.0, 0, 0, 0, -1.0]},
        {"ImagePositionPatient": lambda index: [0.0, 0.0, 0.0]},
    ],
)
def test_what_differs_in_anything_but_place_stays_apart(writer, differs) -> None:
    for index in range(6):
        writer.image(
            100 * index,
            **{
                "SeriesInstanceUID": f"1.2.3.5.{index}",
                "FrameOfReferenceUID": FRAME,
                "ImagePositionPatient": [0.0, 0.0, 5.0 * index],
                **{keyword: make(index) for keyword, make in differs.items()},
            },
        )
    study = read_one(writer.folder)
    assert study.series == ()
    assert {excluded.reason for excluded in study.excluded} <= {Reason.TOO_FEW_SLICES, Reason.LOCALIZER}
    assert len(study.excluded) == 6
