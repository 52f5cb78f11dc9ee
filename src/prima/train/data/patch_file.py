"""The patches of one study with what is true of it, as one file: what tokenizers are trained on, and tokens made of.

Voxels are kept as bytes (scaled values up to twice the window, in steps of 1/127), a quarter of the memory of float32
and finer than the noise of a scan. With simulated studies come dense targets: how much of each token each finding
fills, from the simulator's masks.

Shape suffixes: T tokens of all series, S series, E entries of the dense targets.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from prima.errors import UnreadableError
from prima.files.durable import new_file
from prima.study import Study
from prima.study.affine import Affine
from prima.tokens.contract import PLANE_AXIS, Contract
from prima.tokens.patches import BRIGHTEST, Patches, cut_patches
from prima.tokens.resample import OrientedVolume, orient
from prima.tokens.text import name_of

STEPS = 255 / BRIGHTEST


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseTargets:
    """Which share of which token a finding fills.

    Args:
        token: [E] int32, row of the token among all of the study.
        diagnosis: [E] uint8, number of the diagnosis in the ontology.
        share: [E] uint8, of the token's volume, in 255ths; 0 where it lies but cannot be seen.
    """

    token: NDArray[np.int32]
    diagnosis: NDArray[np.uint8]
    share: NDArray[np.uint8]


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


def patches_of_study(study: Study, contract: Contract) -> tuple[StudyPatches, list[tuple[OrientedVolume, Patches]]]:
    """All patches of a study's used series, and where they lie, for masks to be laid over them."""
    placed: list[tuple[OrientedVolume, Patches]] = []
    voxels: list[NDArray[np.uint8]] = []
    for series in study.series:
        oriented = orient(series.volume, contract)
        patches = cut_patches(oriented, contract)
        placed.append((oriented, patches))
        turned = patches.voxels.transpose(1, 1 + PLANE_AXIS[patches.plane])
        voxels.append((turned * STEPS).round_().clamp_(0, 255).to(torch.uint8).numpy())
    counts = [patches.num_kept for _, patches in placed]
    return (
        StudyPatches(
            voxels=np.concatenate(voxels),
            coordinates=np.concatenate([patches.coordinates.numpy() for _, patches in placed]).astype(np.int16),
            offsets=np.cumsum([0, *counts]),
            planes=np.array([PLANE_AXIS[patches.plane] for _, patches in placed], np.uint8),
            names=tuple(name_of(series) for series in study.series),
            description=study.description or "",
            num_patches=tuple(patches.num_patches for _, patches in placed),
        ),
        placed,
    )


def dense_targets(
    placed: Sequence[tuple[OrientedVolume, Patches]],
    masks: dict[int, tuple[NDArray[np.uint8], Affine]],
    contract: Contract,
) -> DenseTargets:
    """Lay masks over the tokens of a study.

    Args:
        placed: each series' oriented volume and patches.
        masks: number of the diagnosis → its mask [z, y, x] and affine from (z, y, x) to patient LPS mm.
        contract: how the patches were cut.
    """
    rows: list[NDArray[np.int64]] = []
    diagnoses: list[NDArray[np.uint8]] = []
    shares: list[NDArray[np.uint8]] = []
    first = 0
    points = {diagnosis: _points_mm(mask, affine) for diagnosis, (mask, affine) in masks.items()}
    for oriented, patches in placed:
        extent = np.array(contract.patch_shape(patches.plane))
        index = patches.coordinates.numpy() // extent
        low, high = index.min(0), index.max(0)
        table = np.full(high - low + 1, -1, np.int64)
        table[tuple((index - low).T)] = np.arange(len(index))
        token_mm3 = float(np.prod(extent) * oriented.affine.voxel_mm3)
        inverse = oriented.affine.inverse()
        for diagnosis, (points_mm, voxel_mm3) in points.items():
            voxel = inverse.apply(points_mm)
            at = np.floor((voxel + 0.5 + np.array(patches.shift)) / extent).astype(np.int64) - low
            inside = np.all((at >= 0) & (at < table.shape), axis=1)
            hit = table[tuple(at[inside].T)]
            counts = np.bincount(hit[hit >= 0], minlength=len(index)) * voxel_mm3 / token_mm3
            found = np.flatnonzero(counts)
            rows.append(found + first)
            diagnoses.append(np.full(len(found), diagnosis, np.uint8))
            shares.append(np.clip(np.rint(counts[found] * 255), 1, 255).astype(np.uint8))
        first += len(index)
    return DenseTargets(
        token=np.concatenate(rows or [np.zeros(0, np.int64)]).astype(np.int32),
        diagnosis=np.concatenate(diagnoses or [np.zeros(0, np.uint8)]),
        share=np.concatenate(shares or [np.zeros(0, np.uint8)]),
    )


def _points_mm(mask: NDArray[np.uint8], affine: Affine) -> tuple[NDArray[np.float64], float]:
    """Where a mask's voxels lie, and how many mm³ each of them stands for; large masks are thinned."""
    index = np.argwhere(mask)
    every = max(1, len(index) // 20_000)
    return affine.apply(index[::every]), affine.voxel_mm3 * every


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
