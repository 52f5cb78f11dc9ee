"""A real head as a label map, in the numbers that FreeSurfer and SynthSeg use: reading it, and what its labels are.

`packaged/label_tissues.csv` has a row a label: the tissue that it mostly is and its share, what the rest is, whether it
lies inside the skull, and for some where the middle of that structure lies in the template, LPS mm (read off the ICBM
152 2009a template).
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prima.errors import UnreadableError, UsageError
from prima.study.affine import Affine

LEAST_BRAIN_ML, MOST_BRAIN_ML = 500.0, 2500.0
LEAST_LANDMARKS = 8


@dataclass(frozen=True, kw_only=True)
class LabelRow:
    """What one label is.

    Args:
        label: number in the file.
        tissue: what it mostly is; "soft" is what lies between skin and skull, fat or muscle.
        share: of that tissue.
        rest: what the rest is; more of the same when empty.
        inside: "yes" inside the skull, "ventricle" fluid or plexus of a ventricle, "no" elsewhere.
        middle_mm: (x, y, z) of its middle in the template; None when it is no landmark.
    """

    label: int
    tissue: str
    share: float
    rest: str
    inside: str
    middle_mm: tuple[float, float, float] | None


@cache
def label_rows() -> dict[int, LabelRow]:
    """Every known label by its number."""
    text = (files("prima.simulate.anatomy") / "packaged" / "label_tissues.csv").read_text("utf-8")
    rows = [
        LabelRow(
            label=int(row["label"]), tissue=row["tissue"], share=float(row["share"]), rest=row["rest"],
            inside=row["inside"],
            middle_mm=(float(row["x"]), float(row["y"]), float(row["z"])) if row["x"] else None,
        )
        for row in csv.DictReader(text.splitlines())
    ]  # fmt: skip
    return {row.label: row for row in rows}


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelMap:
    """A head.

    Args:
        labels: [z, y, x] int16, in axes that run to the left, the back and the top.
        affine: from the index (z, y, x) to LPS mm, without a turn.
    """

    labels: NDArray[np.int16]
    affine: Affine

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000

    def volume_ml(self, *, inside: str) -> float:
        """Volume of all labels of one kind ("yes", "ventricle")."""
        table = np.zeros(max(label_rows()) + 1, bool)
        table[[row.label for row in label_rows().values() if row.inside == inside]] = True
        return float(np.count_nonzero(table[self.labels])) * self.voxel_ml


def read_label_map(path: Path) -> LabelMap:
    """Read a NIfTI or .mgz file of labels.

    Raises:
        UsageError: it cannot be read, has labels that are not in the table, or is no whole head.
    """
    from prima.study.nifti_image import read_nifti_image

    try:
        image = read_nifti_image(path)
    except UnreadableError as error:
        raise UsageError(f"{path.name}: {error}; expected a label map as NIfTI or .mgz") from None
    if image.affine_ras is None or len(image.voxels) != 1:
        raise UsageError(f"{path.name}: found no single volume with an affine; expected a label map")
    voxels = image.voxels[0]
    labels = np.rint(voxels)
    if np.abs(voxels - labels).max() > 1e-3 or labels.min() < 0 or labels.max() > np.iinfo(np.int16).max:
        raise UsageError(f"{path.name}: found values that are no labels; expected whole numbers")
    found = np.flatnonzero(np.bincount(labels.astype(np.int64).ravel()))
    unknown = [int(label) for label in found if int(label) not in label_rows()]
    if unknown:
        raise UsageError(
            f"{path.name}: labels {', '.join(map(str, unknown[:8]))} are unknown; expected FreeSurfer's or SynthSeg's"
        )
    landmarks = [label for label in found if label_rows()[int(label)].middle_mm is not None]
    head = _upright(labels.astype(np.int16), image.affine_ras)
    brain_ml = head.volume_ml(inside="yes")
    if len(landmarks) < LEAST_LANDMARKS or not LEAST_BRAIN_ML <= brain_ml <= MOST_BRAIN_ML:
        raise UsageError(
            f"{path.name}: found {brain_ml:.0f} ml inside the skull and {len(landmarks)} deep structures; "
            f"expected a whole head, {LEAST_BRAIN_ML:.0f} to {MOST_BRAIN_ML:.0f} ml with {LEAST_LANDMARKS} or more"
        )
    return head


def _upright(labels: NDArray[np.int16], affine_ras: NDArray[np.float64]) -> LabelMap:
    """[z, y, x] with axes to the left, back and top; of an oblique affine only the nearest axes are kept."""
    matrix = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine_ras  # columns i, j, k
    labels = labels.transpose(2, 1, 0)  # to [i, j, k]
    order = [int(np.argmax(np.abs(matrix[axis, :3]))) for axis in range(3)]
    if sorted(order) != [0, 1, 2]:
        raise UsageError("a label map lies askew in its own space; expected axes near those of the patient")
    labels, matrix = labels.transpose(order), matrix[:, [*order, 3]]
    for axis in range(3):
        if matrix[axis, axis] < 0:
            labels = np.flip(labels, axis)
            matrix[:3, 3] += matrix[:3, axis] * (labels.shape[axis] - 1)
            matrix[:3, axis] *= -1
    voxels = np.ascontiguousarray(labels.transpose(2, 1, 0))
    steps = np.linalg.norm(matrix[:3, :3], axis=0)
    middle = matrix[:3, :3] @ ((np.array(labels.shape) - 1) / 2) + matrix[:3, 3]
    upright = np.zeros((4, 4))
    upright[[2, 1, 0], [0, 1, 2]] = steps[::-1]
    upright[:3, 3] = middle - steps * (np.array(labels.shape) - 1) / 2
    upright[3, 3] = 1
    return LabelMap(labels=voxels, affine=Affine(upright))


def sha256_of(path: Path) -> str:
    """Of the file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
