"""The published parameter names beside ours: the whole translation, as tables.

A key that no table names is an error, never skipped; what is left out on purpose is listed with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from prima.errors import CheckpointError

_TRANSFORMER = (
    (r"{src}\.layers\.(\d+)\.0\.norm\.(weight|bias)", r"{dst}.blocks.\1.norm_attention.\2"),
    (r"{src}\.layers\.(\d+)\.0\.fn\.to_qkv\.weight", r"{dst}.blocks.\1.qkv.weight"),
    (r"{src}\.layers\.(\d+)\.0\.fn\.to_out\.0\.(weight|bias)", r"{dst}.blocks.\1.out.\2"),
    (r"{src}\.layers\.(\d+)\.1\.norm\.(weight|bias)", r"{dst}.blocks.\1.norm_mlp.\2"),
    (r"{src}\.layers\.(\d+)\.1\.fn\.net\.0\.(weight|bias)", r"{dst}.blocks.\1.mlp.0.\2"),
    (r"{src}\.layers\.(\d+)\.1\.fn\.net\.3\.(weight|bias)", r"{dst}.blocks.\1.mlp.2.\2"),
)


def _transformer(src: str, dst: str) -> tuple[tuple[str, str], ...]:
    escaped = re.escape(src)
    return tuple((old.replace("{src}", escaped), new.replace("{dst}", dst)) for old, new in _TRANSFORMER)


VISION = (
    *_transformer("innerViT.transformer", "sequence.transformer"),
    *_transformer("outerViT.transformer", "study.transformer"),
    *_transformer("serieencoder.transformer", "series_name.transformer"),
    *_transformer("studyencoder.transformer", "study_description.transformer"),
    (r"innerViT\.cls_token", r"sequence.registers"),
    (r"outerViT\.cls_token", r"study.registers"),
    (r"innerViT\.layernorm\.(weight|bias)", r"sequence.norm.\1"),
    (r"outerViT\.layernorm\.(weight|bias)", r"study.norm.\1"),
    (r"innerViT\.mlp_head\.0\.(weight|bias)", r"series_project.\1"),
    (r"outerViT\.mlp_head\.0\.(weight|bias)", r"joint_project.\1"),
    (r"serieencoder\.embed\.weight", r"series_name.embedding.weight"),
    (r"serieencoder\.linear\.(weight|bias)", r"series_name.project.\1"),
    (r"studyencoder\.embed\.weight", r"study_description.embedding.weight"),
    (r"studyencoder\.linear\.(weight|bias)", r"study_description.project.\1"),
)

VISION_LEFT_OUT = (
    r"dummy_param",  # empty
    r"patdisnet\..*",  # the patient-series discrimination of training
    r"(serieencoder|studyencoder)\.p_enc",  # position codes, computed here
)

TOKENIZER_LEFT_OUT = (r"quantizer\.quantizer\.ema_(cluster_size|w)",)  # running statistics of training


def tokenizer_table(num_levels: int, num_residual_layers: int) -> tuple[tuple[str, str], ...]:
    """The tokenizer's names depend on its depth: blocks are numbered through in the published files."""
    rows = [(r"quantizer\.quantizer\.embedding\.weight", "codebook.weight")]
    per_level = num_residual_layers + 1
    last = num_levels * per_level
    for level in range(num_levels):
        first = level * per_level
        rows.append((rf"encoder\.blocks\.{first}\.conv\.(weight|bias)", rf"encoder.levels.{level}.down.\1"))
        rows.append((rf"decoder\.blocks\.{first + per_level}\.conv\.(weight|bias)", rf"decoder.levels.{level}.up.\1"))
        for unit in range(num_residual_layers):
            conv = r"\.(conv[12])\.conv\.(weight|bias)"
            rows.append((rf"encoder\.blocks\.{first + 1 + unit}{conv}", rf"encoder.levels.{level}.units.{unit}.\1.\2"))
            rows.append((rf"decoder\.blocks\.{first + 1 + unit}{conv}", rf"decoder.levels.{level}.units.{unit}.\1.\2"))
    rows.append((rf"encoder\.blocks\.{last}\.conv\.(weight|bias)", r"encoder.to_latent.\1"))
    rows.append((r"decoder\.blocks\.0\.conv\.(weight|bias)", r"decoder.from_latent.\1"))
    return tuple(rows)


def translate(
    keys: Iterable[str], table: tuple[tuple[str, str], ...], left_out: tuple[str, ...], what: str
) -> dict[str, str]:
    """Published name → ours.

    Raises:
        CheckpointError: a key stands in no table, or two keys become the same name.

    Example:
        >>> translate(["innerViT.cls_token", "dummy_param"], VISION, VISION_LEFT_OUT, "vision model")
        {'innerViT.cls_token': 'sequence.registers'}
    """
    names: dict[str, str] = {}
    unknown: list[str] = []
    for key in keys:
        if any(re.fullmatch(pattern, key) for pattern in left_out):
            continue
        matches = ((re.fullmatch(old, key), new) for old, new in table)
        name = next((match.expand(new) for match, new in matches if match), None)
        if name is None:
            unknown.append(key)
        else:
            names[key] = name
    if unknown:
        raise CheckpointError(
            f"{what}: found {len(unknown)} parameters of unknown meaning ({', '.join(unknown[:3])}…), expected the "
            "published layout"
        )
    if len(set(names.values())) != len(names):
        raise CheckpointError(f"{what}: found two parameters of the same meaning, expected the published layout")
    return names
