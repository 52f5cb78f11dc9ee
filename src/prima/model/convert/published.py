"""Reads the sizes and head tables of a published checkpoint from its inert object tree; widths come from the weights.

Every assumption of the architecture that the checkpoint can confirm is confirmed (scale, activation, norm epsilon,
pooling); one that differs is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prima.errors import CheckpointError
from prima.model.convert.inert import Inert
from prima.model.convert.lazy_tensor import LazyTensor
from prima.model.convert.module_tree import module_at, module_tensors, unwrap
from prima.model.networks.transformer import TransformerConfig
from prima.model.networks.vision import TextEncoderConfig, VisionConfig
from prima.tokens.vqvae import VQVAEConfig

Tensors = Mapping[str, LazyTensor]

MAX_HEADS, MAX_LAYERS = 1000, 32
# The number of levels of the priority head tells which levels they are.
PRIORITY_LEVELS = {3: ("none", "low", "high"), 4: ("none", "low", "medium", "high")}


@dataclass(frozen=True, kw_only=True, eq=False)
class PublishedHead:
    """A head of the checkpoint: its network, the column to read and the threshold to subtract."""

    name: str
    network: Inert
    column: int
    threshold: float


def tokenizer_config(tensors: Tensors) -> VQVAEConfig:
    """Sizes of a published VQ-VAE from the shapes of its weights.

    Stride and padding leave no trace in weights: each level halves its input (stride 2, padding (kernel − 2) / 2), as
    every published tokenizer does.
    """
    blocks = sorted({int(match[1]) for key in tensors if (match := re.match(r"encoder\.blocks\.(\d+)\.", key))})
    units = [block for block in blocks if f"encoder.blocks.{block}.conv1.conv.weight" in tensors]
    num_levels = len(blocks) - len(units) - 1
    if blocks != list(range(len(blocks))) or num_levels < 1 or len(units) % num_levels:
        raise CheckpointError(
            "tokenizer: found no encoder blocks of the published layout, expected a VQ-VAE state dict"
        )
    per_level = len(units) // num_levels + 1
    downs = [_shape(tensors, f"encoder.blocks.{level * per_level}.conv.weight", 5) for level in range(num_levels)]
    hidden = tuple(
        _shape(tensors, f"encoder.blocks.{level * per_level + 1}.conv1.conv.weight", 5)[0]
        for level in range(num_levels)
    )
    kernels = [down[2] for down in downs]
    ups = [
        _shape(tensors, f"decoder.blocks.{(level + 1) * per_level}.conv.weight", 5)[2] for level in range(num_levels)
    ]
    num_codes, code_dim = _shape(tensors, "quantizer.quantizer.embedding.weight", 2)
    return VQVAEConfig(
        channels=tuple(down[0] for down in downs),
        residual_channels=hidden,
        num_residual_layers=per_level - 1,
        downsample=tuple((2, kernel, 1, (kernel - 2) // 2) for kernel in kernels),
        upsample=tuple((2, kernel, 1, (kernel - 2) // 2, 0) for kernel in ups),
        num_codes=num_codes,
        code_dim=code_dim,
    )


def find_vision(root: Any) -> Inert:
    """The visual model inside a full model or a CLIP model."""
    module = unwrap(root)
    children = module.state.get("_modules") or {}
    for path in ("clipvisualmodel", "visual_model", "clipmodel.visual_model"):
        if path.partition(".")[0] in children:
            return module_at(module, path)
    if "innerViT" in children:
        return module
    raise CheckpointError(f"found a {module.name} with {sorted(map(str, children))}, expected a published Prima model")


def vision_config(vision: Inert, tensors: Tensors) -> VisionConfig:
    """Sizes of the hierarchical vision model."""
    sequence = _transformer(vision, tensors, "innerViT.transformer")
    study = _transformer(vision, tensors, "outerViT.transformer")
    for name in ("innerViT", "outerViT"):
        state = module_at(vision, name).state
        _expect(f"{name}.pool", state.get("pool", "cls"), "cls")
        _expect(f"{name}.pos_embedding", state.get("pos_embedding"), None)
    use_names = bool(vision.state.get("useseriename", True))
    use_description = bool(vision.state.get("usestudydescription", True))
    return VisionConfig(
        sequence=sequence,
        sequence_registers=_shape(tensors, "innerViT.cls_token", 3)[1],
        study=study,
        study_registers=_shape(tensors, "outerViT.cls_token", 3)[1],
        series_name=_text_encoder(vision, tensors, "serieencoder") if use_names else None,
        study_description=_text_encoder(vision, tensors, "studyencoder") if use_description else None,
        joint_dim=_shape(tensors, "outerViT.mlp_head.0.weight", 2)[0],
    )


def heads_of_full_model(root: Any) -> tuple[list[PublishedHead], list[PublishedHead], Inert | None]:
    """Diagnosis heads, referral heads and the priority head of a full model, in the checkpoint's order."""
    module = unwrap(root)
    children = module.state.get("_modules") or {}
    priority = children.get("priorityhead")
    return (
        _head_table(module, "diagnosisheads"),
        _head_table(module, "referralheads"),
        None if priority is None else unwrap(priority),
    )


def head_layers(network: Inert, name: str) -> list[tuple[LazyTensor, LazyTensor]]:
    """Weight and bias of each Linear of a head, which must be Linear, ReLU, Linear, … and nothing else."""
    layers: list[tuple[LazyTensor, LazyTensor]] = []
    kinds: list[str] = []
    modules = network.state.get("_modules")
    if isinstance(modules, dict) and len(modules) > MAX_LAYERS:
        raise CheckpointError(f"head {name}: found {len(modules)} layers, expected at most {MAX_LAYERS}")
    for module in modules.values() if isinstance(modules, dict) else ():
        inner = unwrap(module)
        if inner.name == "Linear":
            tensors = module_tensors(inner)
            layers.append((tensors["weight"], tensors["bias"]))
        if inner.name not in ("Dropout", "Identity"):
            kinds.append(inner.name)
    expected = ["Linear", "ReLU"] * len(layers)
    if not layers or kinds != expected[:-1]:
        raise CheckpointError(f"head {name}: found layers {kinds}, expected Linear, ReLU, …, Linear")
    return layers


def _head_table(module: Inert, attribute: str) -> list[PublishedHead]:
    table = module.state.get(attribute, {})
    if not isinstance(table, dict):
        raise CheckpointError(f"{attribute}: found a {type(table).__name__}, expected a table of heads")
    if len(table) > MAX_HEADS:
        raise CheckpointError(f"{attribute}: found {len(table)} heads, expected at most {MAX_HEADS}")
    heads = []
    for name, entry in table.items():
        if not (isinstance(name, str) and isinstance(entry, list | tuple) and len(entry) == 2):
            raise CheckpointError(f"{attribute}: found an entry of another form, expected name: [network, column]")
        network = unwrap(entry[0])
        heads.append(
            PublishedHead(
                name=name,
                network=network,
                column=whole_number(entry[1], f"head {name} column"),
                threshold=threshold_of(network, name),
            )
        )
    return heads


def threshold_of(network: Inert, name: str) -> float:
    """The threshold stored on a head's network."""
    value = network.state.get("thresh", 0.0)
    return finite_number(float(value.read()) if isinstance(value, LazyTensor) else value, name)


def finite_number(value: Any, head: str) -> float:
    """A threshold, checked."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
        raise CheckpointError(f"head {head}: found a threshold that is no finite number")
    return float(value)


def whole_number(value: Any, what: str) -> int:
    """A count or an index, checked."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise CheckpointError(f"{what}: found {ascii(value)[:60]}, expected a whole number")
    return value


def _transformer(vision: Inert, tensors: Tensors, path: str) -> TransformerConfig:
    depth = len({key.split(".")[len(path.split(".")) + 1] for key in tensors if key.startswith(f"{path}.layers.")})
    if not depth:
        raise CheckpointError(f"{path}: found no layers, expected the published layout")
    qkv_rows, width = _shape(tensors, f"{path}.layers.0.0.fn.to_qkv.weight", 2)
    heads = whole_number(module_at(vision, f"{path}.layers.0.0.fn").state.get("heads"), f"{path} heads")
    if not heads or qkv_rows % (3 * heads):
        raise CheckpointError(
            f"{path}: found {qkv_rows} rows of qkv for {heads} heads, expected three equal parts each"
        )
    head_dim = qkv_rows // 3 // heads
    for layer in range(depth):
        _check_block(vision, f"{path}.layers.{layer}", heads, head_dim)
    return TransformerConfig(
        width=width,
        depth=depth,
        heads=heads,
        head_dim=head_dim,
        mlp_dim=_shape(tensors, f"{path}.layers.0.1.fn.net.0.weight", 2)[0],
    )


def _check_block(vision: Inert, path: str, heads: int, head_dim: int) -> None:
    """Everything of a block that its weights do not show."""
    attention = module_at(vision, f"{path}.0.fn").state
    _expect(f"{path} heads", attention.get("heads"), heads)
    scale = attention.get("scale", head_dim**-0.5)
    _expect(f"{path} scale", round(scale, 9) if isinstance(scale, int | float) else scale, round(head_dim**-0.5, 9))
    _expect(f"{path} causal", bool(attention.get("causal", False)), False)
    activation = module_at(vision, f"{path}.1.fn.net.1")
    _expect(f"{path} activation", activation.name, "GELU")
    _expect(f"{path} GELU approximation", activation.state.get("approximate", "none"), "none")
    for part in ("0", "1"):
        _expect(f"{path} epsilon", module_at(vision, f"{path}.{part}.norm").state.get("eps", 1e-5), 1e-5)


def _text_encoder(vision: Inert, tensors: Tensors, path: str) -> TextEncoderConfig:
    transformer = _transformer(vision, tensors, f"{path}.transformer")
    _expect(f"{path}.prelinear", bool(module_at(vision, path).state.get("prelinear", False)), False)
    embedding = _shape(tensors, f"{path}.embed.weight", 2)[1]
    return TextEncoderConfig(embedding=embedding, position_dims=transformer.width - embedding, transformer=transformer)


def _shape(tensors: Tensors, name: str, num_axes: int) -> tuple[int, ...]:
    tensor = tensors.get(name)
    if tensor is None or len(tensor.shape) != num_axes:
        found = "nothing" if tensor is None else f"shape {tensor.shape}"
        raise CheckpointError(
            f"{name}: found {found}, expected a tensor of {num_axes} axes; is this a Prima checkpoint?"
        )
    return tensor.shape


def _expect(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise CheckpointError(
            f"{what}: found {ascii(found)[:60]}, expected {expected!r}; this architecture is not the published one"
        )
