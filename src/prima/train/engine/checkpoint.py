"""Checkpoints: one safetensors file each, whole or absent, and a small file that says which one counts.

    checkpoints/step-00000120.safetensors   tensors of the network and of its optimiser; the rest as JSON in its header
    checkpoints/pointer.json                the latest, the best, and a checksum of each

The pointer is replaced last: whatever happens before, it names checkpoints that are whole. Nothing is pickled.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from torch.distributed.tensor import DTensor, distribute_tensor

from prima.errors import TrainingError
from prima.files.durable import new_file, write_json
from prima.train.engine.distributed import Workers, whole

FOLDER = "checkpoints"
POINTER_FILE = "pointer.json"
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Position:
    """How far a run has come.

    Args:
        step: updates made.
        epoch: number of the epoch of the next batch.
        index: number of the next batch in it.
        tokens: seen so far.
        seconds: spent so far, over all starts.
        best: the best value of the measure that decides, None before the first.
        best_step: where it was measured.
    """

    step: int = 0
    epoch: int = 0
    index: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_step: int | None = None


@dataclass(frozen=True, kw_only=True)
class Pointer:
    """Which checkpoints are there: file names, and of each its size and CRC-32."""

    latest: str
    best: str | None = None
    files: dict[str, tuple[int, int]] = field(default_factory=dict)


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: of the run.
        workers: all of them call `save` and `restore`; the first writes.
        keep: how many of the latest are kept, besides the best.
    """

    def __init__(self, folder: Path, workers: Workers, *, keep: int = 2) -> None:
        self.folder = folder / FOLDER
        self.workers = workers
        self.keep = keep

    def save(
        self,
        module: nn.Module,
        parameters: Mapping[str, nn.Parameter],
        optimiser: torch.optim.Optimizer,
        position: Position,
        recipe: dict[str, Any],
        *,
        is_best: bool = False,
    ) -> Path:
        """Write a checkpoint, make it the latest, and remove the ones that are no longer kept.

        Args:
            module: the network.
            parameters: its trained parameters by name, as the optimiser holds them.
            optimiser: its optimiser.
            position: how far the run has come.
            recipe: what the run is made from, JSON-ready.
            is_best: whether it is the best so far, and so kept.

        Raises:
            TrainingError: it cannot be written (on every rank); the earlier ones are as they were.
        """
        tensors = dict(_tensors_of(module, parameters, optimiser))
        path = self.folder / f"step-{position.step:08d}.safetensors"
        problem = ""
        if self.workers.is_first:
            state = {"format": FORMAT, "position": asdict(position), "recipe": recipe}
            try:
                self._write(path, tensors, json.dumps(state, allow_nan=False), is_best=is_best)
            except (OSError, SafetensorError) as error:
                problem = str(getattr(error, "strerror", None) or error)
        if self.workers.gather([float(bool(problem))]).any():
            raise TrainingError(
                f"{path.name}: no checkpoint written ({problem or 'see rank 0'}); the earlier ones are whole: "
                "make room, or choose another folder, and start again"
            )
        return path

    def restore(
        self,
        module: nn.Module,
        parameters: Mapping[str, nn.Parameter],
        optimiser: torch.optim.Optimizer,
        check: Callable[[dict[str, Any]], None],
    ) -> Position | None:
        """Load the latest checkpoint into a network and its optimiser.

        Args:
            module: the network.
            parameters: its trained parameters by name, as the optimiser holds them.
            optimiser: its optimiser.
            check: given the recipe of the checkpoint, before anything is loaded; raises when it does not fit.

        Returns:
            How far it had come; None when there is no checkpoint.

        Raises:
            TrainingError: it is damaged, or of another network.
        """
        pointer = read_pointer(self.folder)
        if pointer is None:
            return None
        tensors, state = _read(self.folder, pointer, pointer.latest)
        check(state["recipe"])
        _fill(module, tensors, pointer.latest)
        for name, parameter in parameters.items():
            moments = {key.rpartition(".")[2]: value for key, value in tensors.items() if _is_of(key, name)}
            if moments:
                optimiser.state[parameter] = {key: _like(parameter, key, value) for key, value in moments.items()}
        return Position(**state["position"])

    def _write(self, path: Path, tensors: dict[str, torch.Tensor], state: str, *, is_best: bool) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with new_file(path) as temporary:
            save_file(tensors, temporary, metadata={"state": state})
            record = (temporary.stat().st_size, _crc32(temporary))
        before = read_pointer(self.folder)
        files = {path.name: record} if before is None else before.files | {path.name: record}
        best = path.name if is_best else None if before is None else before.best
        kept = {*sorted(files)[-self.keep :], path.name, *([best] if best else [])}
        pointer = Pointer(latest=path.name, best=best, files={name: files[name] for name in sorted(kept)})
        try:
            write_json(self.folder / POINTER_FILE, asdict(pointer))
        except OSError:
            if read_pointer(self.folder) == before:
                path.unlink()  # nothing names it, and the room is needed
            raise
        for old in self.folder.glob("*.safetensors"):
            if old.name not in kept:
                old.unlink()


def load_weights(module: nn.Module, folder: Path, *, best: bool = True) -> Position:
    """Load the weights of a run into a network that is not spread over ranks.

    Args:
        module: as the task's.
        folder: of the run.
        best: those of the best measurement, where there is one; else the latest.

    Returns:
        How far the run had come with them.

    Raises:
        TrainingError: there are none, they are damaged, or of another network.
    """
    pointer = read_pointer(folder / FOLDER)
    if pointer is None:
        raise TrainingError(f"{folder}: found no checkpoint, expected the folder of a run; train first")
    name = pointer.best if best and pointer.best else pointer.latest
    tensors, state = _read(folder / FOLDER, pointer, name)
    _fill(module, tensors, name)
    return Position(**state["position"])


def read_pointer(folder: Path) -> Pointer | None:
    """Which checkpoints are in a folder; None when it has none.

    Raises:
        TrainingError: the pointer is damaged.
    """
    path = folder / POINTER_FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        files = {name: (int(size), int(crc)) for name, (size, crc) in values["files"].items()}
        return replace(Pointer(**values), files=files)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise TrainingError(f"{path}: found a damaged pointer ({type(error).__name__}); remove the folder") from error


def _tensors_of(
    module: nn.Module, parameters: Mapping[str, nn.Parameter], optimiser: torch.optim.Optimizer
) -> Iterator[tuple[str, torch.Tensor]]:
    """All there is to keep, whole and on the CPU; every rank must ask."""
    seen: set[int] = set()
    for name, state in module.state_dict().items():
        tensor = whole(state.detach()).cpu().contiguous()
        place = tensor.untyped_storage().data_ptr()
        yield f"module.{name}", tensor.clone() if place in seen else tensor  # safetensors wants no shared memory
        seen.add(place)
    for name, parameter in parameters.items():
        for key, value in optimiser.state.get(parameter, {}).items():
            yield f"optimiser.{name}.{key}", whole(value.detach()).cpu().contiguous()


def _is_of(key: str, parameter: str) -> bool:
    return key.rpartition(".")[0] == f"optimiser.{parameter}"


def _like(parameter: torch.Tensor, key: str, value: torch.Tensor) -> torch.Tensor:
    """A moment as the optimiser holds it: where, and spread as, its parameter is."""
    if isinstance(parameter, DTensor) and key != "step":
        return distribute_tensor(value.to(parameter.device), parameter.device_mesh, parameter.placements)
    return value.to(parameter.device)  # the step count too: AdamW is fused where parameters are on another device


@torch.no_grad()
def _fill(module: nn.Module, tensors: dict[str, torch.Tensor], name: str) -> None:
    """Copy the tensors into the module's own; all must fit."""
    own = module.state_dict()
    found = {key.removeprefix("module."): value for key, value in tensors.items() if key.startswith("module.")}
    odd = sorted(own.keys() ^ found.keys()) + [
        key for key in sorted(own.keys() & found.keys()) if own[key].shape != found[key].shape
    ]
    if odd:
        raise TrainingError(
            f"{name}: found the weights of another network ({len(odd)} tensors differ, the first is {odd[0]}); "
            "expected those of this recipe: choose another folder"
        )
    for key, target in own.items():
        if isinstance(target, DTensor):
            target.copy_(distribute_tensor(found[key].to(target.device), target.device_mesh, target.placements))
        else:
            target.copy_(found[key])


def _read(folder: Path, pointer: Pointer, name: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    path = folder / name
    try:
        if (path.stat().st_size, _crc32(path)) != pointer.files[name]:
            raise TrainingError(f"{path}: found a damaged checkpoint; remove the folder and train again")
        with safe_open(path, framework="pt") as file:
            state = json.loads(file.metadata()["state"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError, KeyError) as error:
        raise TrainingError(
            f"{path}: found no whole checkpoint ({type(error).__name__}), the pointer expects one; "
            "remove the folder and train again"
        ) from error
    if state.get("format") != FORMAT:
        raise TrainingError(f"{path}: found format {state.get('format')}, expected {FORMAT}; train again")
    return tensors, state


def _crc32(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 22):
            value = zlib.crc32(piece, value)
    return value
