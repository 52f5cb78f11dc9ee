"""The patches of one study with what is true of it, as one file: what tokenizers are trained on, and tokens made of.

Voxels are kept as bytes (scaled values up to twice the window, in steps of 1/127), a quarter of the memory of float32
and finer than the noise of a scan. With simulated studies come dense targets (`dense_targets`).

Shape suffixes: T tokens of all series, S series.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from prima.errors import UnreadableError
from prima.files.durable import new_file
from prima.model.engine.prepare import PreparedStudy
from prima.tokens.contract import PLANE_AXIS
from prima.tokens.patches import BRIGHTEST, Patches
from prima.train.data.dense_targets import DenseTargets

STEPS = 255 / BRIGHTEST


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyPatches:
    """The patches of a study, plane axis first.

    Args:
        voxels: [T, slices, rows, columns] uint8.
        coordinates: [T, 3] int16, as in `Patches`.
        offsets: [S + 1] int64, where each series' tokens start.
        planes: [S] uint8, array axis of each series' slices.
        names: [S] names of the series for the text encoder.
        description: the study description.
        dense: targets of the tokens, None where there are no masks.
        visible: [S, diagnoses] float32 contrast-to-noise of each finding on each series, NaN where it has none.
        facts: what else is known of the study, as plain values: `study_uid`, `patient`, labels, report …
    """

    voxels: NDArray[np.uint8]
    coordinates: NDArray[np.int16]
    offsets: NDArray[np.int64]
    planes: NDArray[np.uint8]
    names: tuple[str, ...]
    description: str
    num_patches: tuple[int, ...]
    dense: DenseTargets | None = None
    visible: NDArray[np.float32] | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def num_tokens(self) -> int:
        """Tokens of all series (T)."""
        return len(self.voxels)

    def series_voxels(self, series: int) -> torch.Tensor:
        """[k, slices, rows, columns] float32 scaled voxels of one series."""
        rows = slice(int(self.offsets[series]), int(self.offsets[series + 1]))
        return to_float(torch.from_numpy(self.voxels[rows]))


def tokens_of_rows(study: StudyPatches, rows: NDArray[np.int64]) -> StudyPatches:
    """The study with some of its tokens alone.

    Args:
        study: whole.
        rows: of the tokens that stay, rising.

    Example:
        >>> study = StudyPatches(
        ...     voxels=np.zeros((5, 2, 16, 16), np.uint8), coordinates=np.zeros((5, 3), np.int16),
        ...     offsets=np.array([0, 2, 5]), planes=np.zeros(2, np.uint8), names=("T1", "T2"), description="",
        ...     num_patches=(2, 3),
        ... )
        >>> tokens_of_rows(study, np.array([1, 3, 4])).offsets.tolist()
        [0, 1, 3]
    """
    dense = study.dense
    if dense is not None:
        place = np.searchsorted(rows, dense.token)
        stays = np.append(rows, -1)[place] == dense.token
        dense = DenseTargets(
            token=place[stays].astype(np.int32), diagnosis=dense.diagnosis[stays], share=dense.share[stays]
        )
    return replace(
        study,
        voxels=study.voxels[rows],
        coordinates=study.coordinates[rows],
        offsets=np.searchsorted(rows, study.offsets),
        dense=dense,
    )


def to_float(voxels: torch.Tensor) -> torch.Tensor:
    """Stored bytes → scaled voxels in float32."""
    return voxels.to(torch.float32) / STEPS


def patches_of_prepared(study: PreparedStudy) -> StudyPatches:
    """The patches of a prepared study as they are stored.

    Args:
        study: with at least one series.
    """
    patches = [series.patches for series in study.series]
    return StudyPatches(
        voxels=np.concatenate([_as_bytes(of_series) for of_series in patches]),
        coordinates=np.concatenate([of_series.coordinates.numpy() for of_series in patches]).astype(np.int16),
        offsets=np.cumsum([0, *(of_series.num_kept for of_series in patches)]),
        planes=np.array([PLANE_AXIS[of_series.plane] for of_series in patches], np.uint8),
        names=tuple(series.name for series in study.series),
        description=study.description or "",
        num_patches=tuple(of_series.num_patches for of_series in patches),
    )


def _as_bytes(patches: Patches) -> NDArray[np.uint8]:
    """[k, slices, rows, columns] of one series."""
    turned = patches.voxels.transpose(1, 1 + PLANE_AXIS[patches.plane])
    return np.asarray((turned * STEPS).round().clamp(0, 255).to(torch.uint8).numpy())


def with_patches(study: PreparedStudy, patches: StudyPatches) -> PreparedStudy:
    """A prepared study with the voxels and coordinates of stored patches, as they are after augmentation.

    Args:
        study: prepared.
        patches: of the same study, with as many tokens of each series.

    Returns:
        The study, to be encoded. After mirroring the places of its patches in the patient are no longer true.
    """
    changed = []
    for index, series in enumerate(study.series):
        rows = slice(int(patches.offsets[index]), int(patches.offsets[index + 1]))
        voxels = patches.series_voxels(index).transpose(1, 1 + PLANE_AXIS[series.patches.plane]).contiguous()
        coordinates = torch.from_numpy(patches.coordinates[rows].astype(np.int32))
        changed.append(replace(series, patches=replace(series.patches, voxels=voxels, coordinates=coordinates)))
    return replace(study, series=tuple(changed))


def write_patches(patches: StudyPatches, path: Path) -> None:
    """Write the file; it is whole or not there."""
    arrays: dict[str, NDArray[Any]] = {
        "voxels": patches.voxels,
        "coordinates": patches.coordinates,
        "offsets": patches.offsets,
        "planes": patches.planes,
    }
    if patches.dense is not None:
        dense = patches.dense
        arrays |= {"dense_token": dense.token, "dense_diagnosis": dense.diagnosis, "dense_share": dense.share}
    if patches.visible is not None:
        arrays["visible"] = patches.visible
    text = {
        "names": patches.names,
        "description": patches.description,
        "num_patches": patches.num_patches,
        "facts": patches.facts,
    }
    arrays["text"] = np.frombuffer(json.dumps(text).encode(), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read_patches(path: Path) -> StudyPatches:
    """Read a file of `write_patches`.

    Raises:
        UnreadableError: it is missing, cut or not such a file.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        text = json.loads(arrays["text"].tobytes())
        dense = None
        if "dense_token" in arrays:
            dense = DenseTargets(
                token=arrays["dense_token"], diagnosis=arrays["dense_diagnosis"], share=arrays["dense_share"]
            )
        return StudyPatches(
            voxels=arrays["voxels"],
            coordinates=arrays["coordinates"],
            offsets=arrays["offsets"],
            planes=arrays["planes"],
            names=tuple(text["names"]),
            description=text["description"],
            num_patches=tuple(text["num_patches"]),
            dense=dense,
            visible=arrays.get("visible"),
            facts=text["facts"],
        )
    except (OSError, KeyError, ValueError, TypeError, EOFError, BadZipFile) as error:
        raise UnreadableError(
            f"{path.name}: found no whole file of patches ({type(error).__name__}); make it again"
        ) from error


def read_dense(path: Path) -> tuple[DenseTargets | None, int]:
    """The dense targets of a file and its number of tokens, without its voxels.

    Raises:
        UnreadableError: as `read_patches`.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            num_tokens = int(file["offsets"][-1])
            if "dense_token" not in file.files:
                return None, num_tokens
            token, diagnosis, share = (file[f"dense_{name}"] for name in ("token", "diagnosis", "share"))
            return DenseTargets(token=token, diagnosis=diagnosis, share=share), num_tokens
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise UnreadableError(f"{path.name}: found no whole file of patches; make it again") from error
