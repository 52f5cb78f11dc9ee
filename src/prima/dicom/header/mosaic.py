"""Mosaics: a whole volume stored as one image of tiles (Siemens MOSAIC, United Imaging VFRAME)."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from prima.dicom.header.csa import csa_values
from prima.dicom.header.element import integer, items, number, raw_bytes, values_of, words
from prima.dicom.header.instance import Frame, PixelLayout, Tiling, Vector
from prima.dicom.header.plane import position_of

_SIEMENS_COUNT = (0x0019, 0x100A)
_SIEMENS_CSA = (0x0029, 0x1010)
_UIH_COUNT = (0x0065, 0x1050)
_UIH_TILES = (0x0065, 0x1051)


def tiling_of(dataset: Dataset, layout: PixelLayout | None) -> Tiling | None:
    """How a stored image is tiled, or None when it is not a mosaic."""
    kinds = words(dataset, "ImageType")
    if layout is None or layout.num_frames != 1:
        return None
    if "MOSAIC" in kinds:
        count = integer(dataset, _SIEMENS_COUNT) or _csa_count(dataset)
        side = math.isqrt(count - 1) + 1 if count and count > 0 else _side_from_matrix(dataset, layout)
        tiling = Tiling(num_tiles=count or side * side, grid_rows=side, grid_columns=side)
    elif "VFRAME" in kinds:
        count = integer(dataset, _UIH_COUNT) or len(items(dataset, _UIH_TILES))
        if count < 1:
            return None
        columns = math.isqrt(count - 1) + 1
        tiling = Tiling(num_tiles=count, grid_rows=-(-count // columns), grid_columns=columns)
    else:
        return None
    fits = layout.rows % tiling.grid_rows == 0 and layout.columns % tiling.grid_columns == 0
    return tiling if fits and tiling.num_tiles > 1 else None


def _side_from_matrix(dataset: Dataset, layout: PixelLayout) -> int:
    """Tiles along one side when only the acquisition matrix tells."""
    matrix = [int(value) for value in values_of(dataset, "AcquisitionMatrix") if value]
    return layout.rows // max(matrix) if matrix and max(matrix) <= layout.rows else 1


def tile_frames(dataset: Dataset, first: Frame, tiling: Tiling) -> tuple[Frame, ...]:
    """One frame for each tile, with its own position.

    Siemens gives the position as if the whole mosaic were one slice centred on the first, so the corner of a tile
    lies half the difference of the two sizes further in; slices follow the normal in the private header.
    United Imaging gives a position for each tile.
    """
    rows, columns = first.rows // tiling.grid_rows, first.columns // tiling.grid_columns
    tiles = items(dataset, _UIH_TILES)
    if len(tiles) >= tiling.num_tiles:
        positions = tuple(position_of(tile) for tile in tiles[: tiling.num_tiles])
    else:
        positions = _siemens_positions(dataset, first, tiling, (rows, columns))
    return tuple(
        dataclasses.replace(first, index=index, rows=rows, columns=columns, position=positions[index])
        for index in range(tiling.num_tiles)
    )


def _siemens_positions(
    dataset: Dataset, first: Frame, tiling: Tiling, tile: tuple[int, int]
) -> tuple[Vector | None, ...]:
    step = number(dataset, "SpacingBetweenSlices") or number(dataset, "SliceThickness")
    if first.position is None or first.orientation is None or first.spacing_mm is None or not step:
        return (None,) * tiling.num_tiles
    along_row, along_column = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    corner = (
        np.array(first.position)
        + along_row * first.spacing_mm[1] * (first.columns - tile[1]) / 2
        + along_column * first.spacing_mm[0] * (first.rows - tile[0]) / 2
    )
    normal = _csa_normal(dataset)
    if normal is None:
        centre = (
            corner
            + along_row * first.spacing_mm[1] * (tile[1] - 1) / 2
            + along_column * first.spacing_mm[0] * (tile[0] - 1) / 2
        )
        normal = _likely_normal(np.cross(along_row, along_column), centre, step * (tiling.num_tiles - 1))
    places = (corner + normal * step * index for index in range(tiling.num_tiles))
    return tuple((float(place[0]), float(place[1]), float(place[2])) for place in places)


def direction_note(dataset: Dataset) -> str | None:
    """One line when nothing says which way the slices of a mosaic run; None when something does."""
    if items(dataset, _UIH_TILES) or _csa_normal(dataset) is not None:
        return None
    return "the header does not say which way the slices of the mosaic run: taken from their distance to the isocentre"


# Heads are scanned around the isocentre: a stack whose centre would lie further from it than this runs the other way.
_FAR_FROM_ISOCENTRE_MM = 100.0


def _likely_normal(
    normal: NDArray[np.float64], first_centre: NDArray[np.float64], length_mm: float
) -> NDArray[np.float64]:
    """Row x column, or its opposite when only that brings the stack around the isocentre, where heads are scanned."""
    first = float(first_centre @ normal)
    centre, other_centre = first + abs(length_mm) / 2, first - abs(length_mm) / 2
    return -normal if centre > _FAR_FROM_ISOCENTRE_MM and abs(other_centre) < centre else normal


def _csa_numbers(dataset: Dataset, name: str) -> tuple[float, ...]:
    try:
        return tuple(float(value) for value in csa_values(raw_bytes(dataset, _SIEMENS_CSA) or b"", name))
    except ValueError:
        return ()


def _csa_count(dataset: Dataset) -> int | None:
    values = _csa_numbers(dataset, "NumberOfImagesInMosaic")
    return int(values[0]) if values and 0 < values[0] < 10_000 else None


def _csa_normal(dataset: Dataset) -> NDArray[np.float64] | None:
    normal = np.array(_csa_numbers(dataset, "SliceNormalVector"))
    if normal.shape != (3,) or not np.isfinite(normal).all() or not 0.9 < float(np.linalg.norm(normal)) < 1.1:
        return None
    return normal


def untile(image: NDArray[Any], tiling: Tiling) -> NDArray[Any]:
    """Cut a mosaic [H, W] into its slices [num_tiles, H / grid_rows, W / grid_columns].

    Example:
        >>> import numpy as np
        >>> mosaic = np.array([[0, 1], [2, 9]])
        >>> untile(mosaic, Tiling(num_tiles=3, grid_rows=2, grid_columns=2)).ravel().tolist()
        [0, 1, 2]
    """
    rows, columns = image.shape[0] // tiling.grid_rows, image.shape[1] // tiling.grid_columns
    tiles = image.reshape(tiling.grid_rows, rows, tiling.grid_columns, columns).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(tiles.reshape(-1, rows, columns)[: tiling.num_tiles])
