"""Reading without selection, as the reference does: a sub-folder is a series and nothing is split or judged."""

from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from prima.dicom.header.instance import Frame
from prima.dicom.header.quiet import quiet
from prima.dicom.header.scan import ScannedStudy
from prima.dicom.read import SeriesDecoder, assemble_study, exclude
from prima.dicom.series.assemble import GeometryError, assemble, stack_by_name
from prima.dicom.series.part import SeriesPart, num_repeats
from prima.dicom.series.stack import has_geometry, name_order, projections
from prima.errors import UnreadableError
from prima.files.walk import path_key
from prima.study.exclusion import Excluded, Reason
from prima.study.study import Series, Study


def read_everything(
    study: ScannedStudy, *, workers: int = 2, on_series: Callable[[Series], None] = lambda _: None
) -> Study:
    """Read each folder that directly holds images as one series.

    Folders come in natural order. Of images of several sizes the most common size is kept. Images keep the order of
    their names where positions follow it, either way; else they are ordered by position, or by name when positions
    are shared. Only what has no pixels or no geometry is left out. `on_series` is given each series as soon as it is
    decoded, in the order of the study.
    """
    folders: dict[Path, list[Frame]] = defaultdict(list)
    for instance, frames in study.headers:
        folders[instance.path.parent].extend(frames)
    series: list[Series] = []
    excluded: list[Excluded] = []
    with quiet(), ThreadPoolExecutor(max_workers=max(workers, 1)) as pool:
        for folder in sorted(folders, key=path_key):
            result = _read_folder(folders[folder], pool)
            if isinstance(result, Excluded):
                excluded.append(result)
            else:
                series.append(result)
                on_series(result)
    return assemble_study(study, series, excluded)


def _read_folder(frames: Sequence[Frame], pool: Executor) -> Series | Excluded:
    images = [frame for frame in frames if frame.instance.pixels is not None]
    whole = SeriesPart(frames=tuple(frames))
    if not images:
        unreadable = frames[0].instance.unreadable
        if unreadable is not None:
            return exclude(whole, Reason.UNREADABLE, unreadable)
        return exclude(whole, Reason.NOT_IMAGE, "objects without pixels")
    size, _ = Counter((frame.rows, frame.columns) for frame in images).most_common(1)[0]
    kept = sorted((frame for frame in images if (frame.rows, frame.columns) == size), key=name_order)
    notes = []
    if len(kept) < len(images):
        odd = len(images) - len(kept)
        notes.append(f"{odd} {'image' if odd == 1 else 'images'} of another size left out")
    part = SeriesPart(frames=tuple(kept))
    decoded = SeriesDecoder(pool)({frame.instance for frame in kept})
    placed = [frame for frame in kept if has_geometry(frame)]
    shared = num_repeats(placed) > 1
    by_name = shared or follows_names(placed)
    try:
        series = (stack_by_name if by_name else assemble)(part, decoded, label=None, notes=notes)
    except GeometryError as error:
        return exclude(part, Reason.MISSING_GEOMETRY, str(error))
    except UnreadableError as error:
        return exclude(part, Reason.UNREADABLE, str(error))
    if shared:
        return dataclasses.replace(series, notes=(*series.notes, "images share positions: ordered by file name"))
    return series


def follows_names(ordered_by_name: Sequence[Frame]) -> bool:
    """Whether positions rise, or fall, from each image to the next."""
    if len(ordered_by_name) < 2:
        return False
    steps = np.diff(projections(ordered_by_name))
    return bool((steps > 0).all() or (steps < 0).all())
