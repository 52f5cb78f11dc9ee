"""Heads: small MLPs on the study feature, loaded memory-mapped, computing only the columns that are named.

The published release gives every task a whole MLP of 45 M parameters, 2.8 G in all. They are read straight from the
page cache: nothing is copied, and of the last layer only one row is touched.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from prima.errors import ReleaseError
from prima.model.release.manifest import HeadRecord, Manifest, PriorityRecord
from prima.tokens.precision import one_thread_workers


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadOutputs:
    """Logits of one study by head name; priority by level, None when the release has no priority head."""

    diagnoses: dict[str, float]
    referrals: dict[str, float]
    priority: dict[str, float] | None


class HeadMLP:
    """Linear, ReLU, Linear, … with weights that live in the file's pages.

    Args:
        path: a safetensors file with `0.weight`, `0.bias`, `1.weight`, … in order of the layers.
        device: where to compute; the CPU keeps the mapping, a GPU takes a copy.

    Raises:
        ReleaseError: the file cannot be read or its layers do not fit each other.
    """

    def __init__(self, path: Path, device: torch.device) -> None:
        try:
            with safe_open(path, framework="pt", device="cpu") as file:
                names = set(file.keys())
                num_layers = len(names) // 2
                tensors = [(file.get_tensor(f"{n}.weight"), file.get_tensor(f"{n}.bias")) for n in range(num_layers)]
        except (SafetensorError, OSError) as error:
            raise ReleaseError(f"head {path.name}: cannot be read ({error}); restore the release") from error
        self.layers = [(weight.to(device), bias.to(device)) for weight, bias in tensors]
        sizes = [tuple(weight.shape) for weight, _ in self.layers]
        plain = all(weight.ndim == 2 and bias.shape == weight.shape[:1] for weight, bias in self.layers)
        fits = plain and all(above[0] == below[1] for above, below in pairwise(sizes))
        if not self.layers or len(names) != 2 * num_layers or not fits:
            raise ReleaseError(f"head {path.name}: found layers {sizes} that do not fit; restore the release")
        dtypes = {tensor.dtype for layer in self.layers for tensor in layer}
        if dtypes != {torch.float32}:
            raise ReleaseError(f"head {path.name}: found {dtypes}, expected torch.float32; convert the release again")

    @property
    def num_inputs(self) -> int:
        """Length of the feature that the first layer reads."""
        return int(self.layers[0][0].shape[1])

    @property
    def num_columns(self) -> int:
        """Outputs of the last layer."""
        return int(self.layers[-1][0].shape[0])

    def columns(self, feature: torch.Tensor, columns: Sequence[int]) -> list[float]:
        """Some outputs for one study feature [feature_dim]."""
        hidden = feature
        for weight, bias in self.layers[:-1]:
            hidden = torch.relu(torch.addmv(bias, weight, hidden))
        weight, bias = self.layers[-1]
        rows = list(columns)
        values: list[float] = torch.addmv(bias[rows], weight[rows], hidden).tolist()
        return values


class Heads:
    """All heads of a release."""

    def __init__(self, folder: Path, manifest: Manifest, device: torch.device) -> None:
        self.manifest = manifest
        self.mlps = [HeadMLP(folder / name, device) for name in manifest.mlps]
        _read_ahead([folder / name for name in manifest.mlps])
        # One network a core: reading weights is all the work, and a network is too small to share.
        self._workers = one_thread_workers(torch.get_num_threads()) if device.type == "cpu" else None
        for name, mlp in zip(manifest.mlps, self.mlps, strict=True):
            if mlp.num_inputs != manifest.vision.feature_dim:
                raise ReleaseError(
                    f"head {name}: found {mlp.num_inputs} inputs, expected the study feature's "
                    f"{manifest.vision.feature_dim}; restore the release"
                )
        priority = manifest.priority
        if priority is not None and not _fits(priority, self.mlps[priority.mlp].num_columns):
            raise ReleaseError(
                f"priority head: found {self.mlps[priority.mlp].num_columns} columns, expected one for each of "
                f"{', '.join(priority.levels)} from column {priority.column} on; restore the release"
            )
        for head in (*manifest.diagnoses, *manifest.referrals):
            if not 0 <= head.column < self.mlps[head.mlp].num_columns:
                raise ReleaseError(
                    f"head {head.name}: found column {head.column}, expected one of "
                    f"{self.mlps[head.mlp].num_columns}; restore the release"
                )

    def __call__(self, feature: torch.Tensor) -> HeadOutputs:
        """Logits for one study feature [feature_dim], float32; every network runs once."""
        priority = self.manifest.priority
        wanted: dict[int, set[int]] = {}
        for head in (*self.manifest.diagnoses, *self.manifest.referrals):
            wanted.setdefault(head.mlp, set()).add(head.column)
        if priority is not None:
            wanted.setdefault(priority.mlp, set()).update(
                range(priority.column, priority.column + len(priority.levels))
            )
        values: dict[tuple[int, int], float] = {}

        def outputs_of(index: int) -> dict[tuple[int, int], float]:
            ordered = sorted(wanted[index])
            with torch.inference_mode():
                outputs = self.mlps[index].columns(feature, ordered)
            return {(index, column): value for column, value in zip(ordered, outputs, strict=True)}

        for some in self._workers.map(outputs_of, wanted) if self._workers else map(outputs_of, wanted):
            values.update(some)

        def logits(heads: tuple[HeadRecord, ...]) -> dict[str, float]:
            return {head.name: values[head.mlp, head.column] - head.offset for head in heads}

        return HeadOutputs(
            diagnoses=logits(self.manifest.diagnoses),
            referrals=logits(self.manifest.referrals),
            priority=None
            if priority is None
            else {level: values[priority.mlp, column] for column, level in enumerate(priority.levels, priority.column)},
        )


def _fits(priority: PriorityRecord, num_columns: int) -> bool:
    return priority.column >= 0 and priority.column + len(priority.levels) <= num_columns


def _read_ahead(paths: Sequence[Path]) -> None:
    """Ask the system to bring files into its page cache while the encoder is busy; a hint, nothing waits for it."""
    if not hasattr(os, "posix_fadvise"):
        return

    def ask() -> None:
        for path in paths:
            with suppress(OSError), path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)

    threading.Thread(target=ask, name="prima-read-ahead", daemon=True).start()
