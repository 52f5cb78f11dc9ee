"""A report encoder from a local folder in the layout of Hugging Face `transformers`: GPT-2, BERT and their like.

Nothing is fetched, no code of the folder runs, and only safetensors are read.

Shape suffixes: C tokens of all texts, n texts, L longest text, W width, J joint width.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from prima.errors import CheckpointError, UnreadableError
from prima.files.optional import missing, require
from prima.model.networks.report_encoder import Texts

Pooling = Literal["last", "mean", "first"]


@dataclass(frozen=True, kw_only=True)
class FolderTokenizer:
    """The tokenizer of such a folder: text → token numbers with the folder's own special tokens.

    Args:
        inner: a tokenizer of `transformers`.
        max_tokens: longest text.
    """

    inner: Any
    max_tokens: int

    def encode(self, text: str) -> list[int]:
        """Token numbers, cut where they are too long; the end token stays the last one where the model has one."""
        numbers: list[int] = self.inner(text, truncation=True, max_length=self.max_tokens, verbose=False)["input_ids"]
        end = self.inner.eos_token_id
        if end is not None and self.inner.sep_token_id is None and numbers[-1:] != [end]:
            numbers = [*numbers[: self.max_tokens - 1], end]
        if not numbers:
            raise UnreadableError("report tokenizer: found no token for a text and no end token; use another folder")
        return numbers

    def num_tokens(self, text: str) -> int:
        """Length of a text before it is cut, special tokens among it."""
        return len(self.inner(text, verbose=False)["input_ids"]) + int(self.inner.sep_token_id is None)


class FolderReportEncoder(nn.Module):
    """A text model of `transformers`, pooled and projected to the space shared with studies.

    Args:
        model: gives `last_hidden_state` [n, L, W].
        pooling: "last" token (models that read from left to right), "mean" of all tokens, or the "first" one ([CLS]).
        joint_dim: width of the shared space.
    """

    def __init__(self, model: nn.Module, pooling: Pooling, joint_dim: int) -> None:
        super().__init__()
        self.model = model
        self.pooling = pooling
        self.project = nn.Linear(int(model.config.hidden_size), joint_dim)  # type: ignore[union-attr, arg-type]

    def forward(self, texts: Texts) -> torch.Tensor:
        """Packed texts → [n, J] embeddings, not normalised. Inside, they are padded to the longest."""
        tokens_nL, mask_nL = _padded(texts)
        states_nLW = self.model(input_ids=tokens_nL, attention_mask=mask_nL).last_hidden_state
        if self.pooling == "first":
            pooled = states_nLW[:, 0]
        elif self.pooling == "last":
            last = mask_nL.sum(dim=1) - 1
            pooled = states_nLW[torch.arange(len(last), device=last.device), last]
        else:
            weight = mask_nL.unsqueeze(-1).to(states_nLW.dtype)
            pooled = (states_nLW * weight).sum(dim=1) / weight.sum(dim=1)
        result: torch.Tensor = self.project(pooled)
        return result


def load_folder(
    folder: Path, joint_dim: int, *, pooling: Pooling | None = None, max_tokens: int = 200
) -> tuple[FolderReportEncoder, FolderTokenizer]:
    """Load a text model and its tokenizer; the projection is new and random.

    Args:
        folder: holds config.json, *.safetensors and the tokenizer's files.
        joint_dim: width of the shared space.
        pooling: how a text becomes one vector; by the kind of model when None: "last" for those that read from left to
            right, "mean" for the others.
        max_tokens: longest text; less where the model has fewer positions.

    Raises:
        MissingDependencyError: `transformers` is not installed.
        UnreadableError: the folder is none, or a file in it cannot be read.
        CheckpointError: its weights are pickled, or it asks to run code of its own.
    """
    config = _checked_config(folder)
    library = _library()
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = library.AutoTokenizer.from_pretrained(folder, **local)
        model, loading = library.AutoModel.from_pretrained(
            folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **local
        )
    except ImportError as error:  # raised late, e.g. by a torchvision that does not fit this torch
        raise missing("transformers", f"the text model {folder.name}", extra="train", error=error) from error
    except Exception as error:  # a stranger's folder fails in many ways inside the library
        raise UnreadableError(
            f"{folder.name}: found no whole text model ({type(error).__name__}); expected config.json, "
            "*.safetensors and tokenizer files of one transformers text model"
        ) from error
    invented = sorted(name for name in loading["missing_keys"] if "pooler" not in name)
    if invented:
        raise UnreadableError(
            f"{folder.name}: found no weights for {len(invented)} tensors ({invented[0]} …); export the model again"
        )
    if getattr(model, "pooler", None) is not None:
        model.pooler = None  # BERT's own, which nothing here reads: a parameter without gradient stops DDP
    positions = int(getattr(model.config, "max_position_embeddings", max_tokens) or max_tokens)
    encoder = FolderReportEncoder(model, pooling or _pooling_of(config, library), joint_dim)
    return encoder, FolderTokenizer(inner=tokenizer, max_tokens=min(max_tokens, positions))


def _checked_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableError(
            f"{folder.name}: config.json cannot be read ({type(error).__name__}); expected the folder of a text model"
        ) from error
    if not isinstance(config, dict) or "auto_map" in config:
        raise CheckpointError(
            f"{folder.name}: config.json asks to run code of the folder (auto_map); use a model that transformers knows"
        )
    if not list(folder.glob("*.safetensors")):
        listing = ", ".join(sorted(path.name for path in folder.glob("*.bin"))) or "no weights"
        raise CheckpointError(
            f"{folder.name}: found {listing}, expected *.safetensors; "
            "nothing pickled is read: convert it where you trust it"
        )
    return config


def _pooling_of(config: dict[str, Any], library: Any) -> Pooling:
    """Models that can fill a gap read both ways; the others from left to right."""
    both_ways = library.models.auto.modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return "mean" if config.get("model_type") in both_ways and not config.get("is_decoder") else "last"


def _padded(texts: Texts) -> tuple[torch.Tensor, torch.Tensor]:
    """[n, L] token numbers, zero behind the end, and [n, L] which are real."""
    lengths = texts.offsets.diff().to(texts.tokens.device)
    mask = torch.arange(int(texts.offsets.diff().max()), device=lengths.device) < lengths[:, None]
    tokens = torch.zeros(mask.shape, dtype=torch.int64, device=lengths.device)
    tokens[mask] = texts.tokens
    return tokens, mask.to(torch.int64)


def _library() -> Any:
    return require("transformers", "a text model from a folder", extra="train")
