"""The published weights → a release folder, one tensor at a time.

Reads both published forms: one pickled full model, or a JSON file that names its components (a pickled CLIP model,
one pickle per head). Nothing of a pickle is executed (`unpickle`), nothing is loaded whole, nothing is guessed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from prima.errors import CheckpointError
from prima.model.convert.checkpoint import open_checkpoint
from prima.model.convert.inert import Inert
from prima.model.convert.key_table import TOKENIZER_LEFT_OUT, VISION, VISION_LEFT_OUT, tokenizer_table, translate
from prima.model.convert.lazy_tensor import LazyTensor
from prima.model.convert.module_tree import module_tensors, unwrap
from prima.model.convert.published import (
    PRIORITY_LEVELS,
    PublishedHead,
    find_vision,
    finite_number,
    head_layers,
    heads_of_full_model,
    threshold_of,
    tokenizer_config,
    vision_config,
    whole_number,
)
from prima.model.networks.vision import HierarchicalViT, VisionConfig
from prima.model.release.folder import ReleaseWriter
from prima.model.release.manifest import CARD_FILE, TOKENIZER_FILE, VISION_FILE, HeadRecord, Manifest, PriorityRecord
from prima.tokens.contract import PUBLISHED
from prima.tokens.vqvae import VQVAE, VQVAEConfig

CARD = """# {name}

Converted from a published Prima checkpoint: {num_diagnoses} diagnoses, {num_referrals} referrals{priority}.

- Source: Lyu et al., *Learning neuroimaging models from health system-scale data*, Nature Biomedical Engineering 2026.
- **Not calibrated**: outputs are logits against the published thresholds, shown as scores, not as probabilities.
- Investigational use only. Not cleared as a medical device; it does not diagnose.
- Mode: the model sees series names and the study description, which may leak what was looked for. `--image-only`
  withholds both.
"""

MAX_SHARING, SMALL_BYTES = 4, 64 << 20
"""Tensors may be so many times as large as the storages they look at, or so small that it does not matter."""

MAX_JSON_BYTES = 16 << 20

Report = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Source:
    vision: Inert
    diagnoses: list[PublishedHead]
    referrals: list[PublishedHead]
    priority: Inert | None


def convert(
    full: Path, tokenizer: Path, out: Path, *, name: str | None = None, on_file: Report = lambda *_: None
) -> Path:
    """Convert published weights.

    Args:
        full: the full model, or the JSON that names its components (`full_model_ckpt`, or `clip_ckpt` with
            `diagnosis_heads_json`, `referral_heads_json`, `priority_head_ckpt`), paths relative to the JSON.
        tokenizer: the VQ-VAE's state dict.
        out: a new or empty folder.
        name: what to call the release; the name of `out` when None.
        on_file: told (file, done, total) before each file is written.

    Raises:
        CheckpointError: the checkpoint names something not allowed, or is not of the published layout.
        ReleaseError: `out` is not empty.
    """
    try:
        return _convert(full, tokenizer, out, name, on_file)
    except RecursionError:
        raise CheckpointError(f"{full.name}: values are nested deeper than those of a model") from None


def _convert(full: Path, tokenizer: Path, out: Path, name: str | None, on_file: Report) -> Path:
    with ExitStack() as stack:
        tokenizer_tensors = module_tensors(_state_dict(stack.enter_context(open_checkpoint(tokenizer)).root))
        source = _open_source(full, stack)
        vision_tensors = module_tensors(source.vision)
        sizes = tokenizer_config(tokenizer_tensors)
        vision = vision_config(source.vision, vision_tensors)
        _check_columns([*source.diagnoses, *source.referrals])
        _check_size(full, [*vision_tensors.values(), *_tensors_of_heads(source)])
        _check_size(tokenizer, tokenizer_tensors.values())
        writer = ReleaseWriter(folder=out)
        try:
            networks = _networks(source)
            total = len(networks) + 2
            on_file(TOKENIZER_FILE, 0, total)
            writer.add_tensors(TOKENIZER_FILE, _tokenizer(tokenizer_tensors, sizes))
            on_file(VISION_FILE, 1, total)
            writer.add_tensors(VISION_FILE, _vision(vision_tensors, vision))
            index: dict[int, int] = {}
            mlps: list[str] = []
            for position, (head, network) in enumerate(networks):
                file = f"heads/{position:03d}.safetensors"
                on_file(file, position + 2, total)
                writer.add_tensors(file, _mlp(network, head, vision.feature_dim))
                index[id(network)] = position
                mlps.append(file)
            release_name = name or out.name
            priority = _priority(source.priority, index)
            writer.add_text(
                CARD_FILE,
                CARD.format(
                    name=release_name,
                    num_diagnoses=len(source.diagnoses),
                    num_referrals=len(source.referrals),
                    priority=", priority" if priority else "",
                ),
            )
            return writer.finish(
                Manifest(
                    name=release_name,
                    trained=True,
                    calibrated=False,
                    mode="image+names",
                    contract=PUBLISHED,
                    tokenizer=sizes,
                    vision=vision,
                    mlps=tuple(mlps),
                    diagnoses=_records(source.diagnoses, index),
                    referrals=_records(source.referrals, index),
                    priority=priority,
                    provenance={
                        "weights": "converted from a published checkpoint",
                        "files": {"model": full.name, "tokenizer": tokenizer.name},
                        "left_out": ["report encoder", "patient-series discrimination", "codebook statistics"],
                    },
                    files={},
                )
            )
        except BaseException:
            writer.abandon()
            raise


def _check_size(path: Path, tensors: Iterable[LazyTensor]) -> None:
    """Refuse tensors that share their storage so often that writing each fills a disk; models share a few."""
    stored: dict[int, int] = {}
    written = 0
    for tensor in tensors:
        stored[id(tensor.storage)] = tensor.storage.num_bytes
        written += tensor.num_bytes
    if written > MAX_SHARING * sum(stored.values()) + SMALL_BYTES:
        raise CheckpointError(
            f"{path.name}: found tensors of {written >> 20} MB over {sum(stored.values()) >> 20} MB of storage, "
            f"expected at most {MAX_SHARING} times as much"
        )


def _tensors_of_heads(source: _Source) -> Iterator[LazyTensor]:
    for head, network in _networks(source):
        for weight, bias in head_layers(network, head):
            yield from (weight, bias)


def _open_source(full: Path, stack: ExitStack) -> _Source:
    if full.suffix != ".json":
        return _full_model(stack.enter_context(open_checkpoint(full)).root)
    config = _json_table(full)
    folder = full.parent
    if "full_model_ckpt" in config:
        return _full_model(stack.enter_context(open_checkpoint(folder / str(config["full_model_ckpt"]))).root)
    if "clip_ckpt" not in config:
        raise CheckpointError(f"{full.name}: found neither full_model_ckpt nor clip_ckpt, expected one of them")

    def root_of(path: Path) -> Any:
        return stack.enter_context(open_checkpoint(path)).root

    opened: dict[Path, Inert] = {}

    def heads(key: str) -> list[PublishedHead]:
        if key not in config:
            return []
        table_path = folder / str(config[key])
        result = []
        for name, entry in _json_table(table_path).items():
            try:
                _, [(where, column, threshold)] = entry
                path = _beside(table_path, folder, Path(str(where)))
            except (TypeError, ValueError) as error:
                raise CheckpointError(
                    f"{table_path.name}: found an entry of another form at {name!r}, expected "
                    "[…, [[path, column, threshold]]]"
                ) from error
            if path not in opened:
                opened[path] = unwrap(root_of(path))
            result.append(
                PublishedHead(
                    name=name,
                    network=opened[path],
                    column=whole_number(column, f"{table_path.name}: head {name!r} column"),
                    threshold=finite_number(threshold, repr(name)),
                )
            )
        return result

    priority = config.get("priority_head_ckpt")
    return _Source(
        vision=find_vision(root_of(folder / str(config["clip_ckpt"]))),
        diagnoses=heads("diagnosis_heads_json"),
        referrals=heads("referral_heads_json"),
        priority=None if priority is None else unwrap(root_of(folder / str(priority))),
    )


def _beside(table: Path, folder: Path, where: Path) -> Path:
    """A head's path as written, relative to its table or to the configuration, whichever exists."""
    candidates = [where] if where.is_absolute() else [table.parent / where, folder / where, where]
    return next((path for path in candidates if path.exists()), candidates[0])


def _full_model(root: Any) -> _Source:
    diagnoses, referrals, priority = heads_of_full_model(root)
    return _Source(vision=find_vision(root), diagnoses=diagnoses, referrals=referrals, priority=priority)


def _state_dict(root: Any) -> Any:
    """The state dict itself, also when it lies under `state_dict` in a training checkpoint."""
    if isinstance(root, dict) and isinstance(root.get("state_dict"), dict):
        return root["state_dict"]
    return root


def _json_table(path: Path) -> dict[str, Any]:
    if path.exists() and (not path.is_file() or path.stat().st_size > MAX_JSON_BYTES):
        raise CheckpointError(f"{path}: found no file of at most {MAX_JSON_BYTES >> 20} MB, expected a table in JSON")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: cannot be read as JSON; expected a table") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: found a {type(values).__name__}, expected a table")
    return values


def _networks(source: _Source) -> list[tuple[str, Inert]]:
    """Every head network once, in order of first use, with a name to speak of it."""
    found: dict[int, tuple[str, Inert]] = {}
    for head in (*source.diagnoses, *source.referrals):
        found.setdefault(id(head.network), (head.name, head.network))
    if source.priority is not None:
        found.setdefault(id(source.priority), ("priority", source.priority))
    return list(found.values())


def _tokenizer(tensors: dict[str, LazyTensor], sizes: VQVAEConfig) -> dict[str, torch.Tensor]:
    table = tokenizer_table(len(sizes.channels), sizes.num_residual_layers)
    names = translate(tensors, table, TOKENIZER_LEFT_OUT, "tokenizer")
    read = {name: tensors[published_name].read().float() for published_name, name in names.items()}
    with torch.device("meta"):
        _check_fit(read, VQVAE(sizes), "tokenizer")
    return read


def _vision(tensors: dict[str, LazyTensor], sizes: VisionConfig) -> dict[str, torch.Tensor]:
    names = translate(tensors, VISION, VISION_LEFT_OUT, "vision model")
    read = {name: tensors[published_name].read().float() for published_name, name in names.items()}
    # Registers carry a leading batch axis of one in the published files.
    read = {name: value[0] if name.endswith(".registers") else value for name, value in read.items()}
    with torch.device("meta"):
        _check_fit(read, HierarchicalViT(sizes), "vision model")
    return read


def _check_fit(tensors: dict[str, torch.Tensor], module: nn.Module, what: str) -> None:
    """Exactly the weights of a module, in their shapes."""
    expected = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    odd = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if odd:
        raise CheckpointError(
            f"{what}: found {found.get(odd[0], 'nothing')} for {odd[0]}, expected {expected.get(odd[0], 'nothing')}; "
            f"{len(odd)} weights do not fit the published layout"
        )


def _mlp(network: Inert, head: str, feature_dim: int) -> dict[str, torch.Tensor]:
    layers = head_layers(network, head)
    found = layers[0][0].shape[-1]
    if found != feature_dim:
        raise CheckpointError(f"head {head}: found {found} inputs, expected the study feature's {feature_dim}")
    result: dict[str, torch.Tensor] = {}
    for layer, (weight, bias) in enumerate(layers):
        result[f"{layer}.weight"] = weight.read().float()
        result[f"{layer}.bias"] = bias.read().float()
    return result


def _check_columns(heads: list[PublishedHead]) -> None:
    for head in heads:
        num_columns = head_layers(head.network, head.name)[-1][0].shape[0]
        if head.column >= num_columns:
            raise CheckpointError(f"head {head.name}: found column {head.column}, expected one of {num_columns}")


def _records(heads: list[PublishedHead], index: dict[int, int]) -> tuple[HeadRecord, ...]:
    return tuple(
        HeadRecord(name=head.name, mlp=index[id(head.network)], column=head.column, offset=head.threshold)
        for head in heads
    )


def _priority(network: Inert | None, index: dict[int, int]) -> PriorityRecord | None:
    if network is None:
        return None
    num_levels = head_layers(network, "priority")[-1][0].shape[0]
    if num_levels not in PRIORITY_LEVELS:
        raise CheckpointError(f"priority head: found {num_levels} outputs, expected {sorted(PRIORITY_LEVELS)}")
    if threshold_of(network, "priority"):
        raise CheckpointError("priority head: found a threshold, expected raw logits")
    return PriorityRecord(mlp=index[id(network)], levels=PRIORITY_LEVELS[num_levels])
