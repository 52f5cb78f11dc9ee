"""The small report encoder: byte-pair tokens of packed texts → the space shared with studies, without padding.

Shape suffixes: C tokens of all texts, n texts, W width, J joint width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, Self

import torch
from torch import nn

from prima.files.strict_json import read_json
from prima.model.networks.attention import Backend, Pieces, best_backend
from prima.model.networks.transformer import Transformer, TransformerConfig
from prima.tokens.batch import offsets_of


class TextTokenizer(Protocol):
    """Anything that turns a text into at least one and at most `max_tokens` token numbers."""

    @property
    def max_tokens(self) -> int:
        """Longest text, the end token among it."""
        ...

    def encode(self, text: str) -> list[int]:
        """Token numbers of a text, cut where it is too long."""
        ...

    def num_tokens(self, text: str) -> int:
        """Length of a text before it is cut, the end token among it."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Texts:
    """Texts, packed.

    Args:
        tokens: [C] int64 token numbers of all texts, end to end.
        offsets: [n + 1] int64, where each text starts.
    """

    tokens: torch.Tensor
    offsets: torch.Tensor

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def to(self, device: torch.device | str) -> Texts:
        """The same texts with their tokens on a device; offsets stay on the CPU."""
        return Texts(tokens=self.tokens.to(device, non_blocking=True), offsets=self.offsets)


def pack_texts(texts: Sequence[str], tokenizer: TextTokenizer) -> Texts:
    """Encode texts and lay them end to end.

    Raises:
        ValueError: there is no text.
    """
    encoded = [tokenizer.encode(text) for text in texts]
    if not encoded:
        raise ValueError("found no text to encode, expected at least one")
    return Texts(
        tokens=torch.tensor([token_id for token_ids in encoded for token_id in token_ids], dtype=torch.int64),
        offsets=offsets_of(map(len, encoded)),
    )


@dataclass(frozen=True, kw_only=True)
class ReportEncoderConfig:
    """Sizes of the small report encoder.

    Args:
        vocabulary: different tokens.
        max_tokens: longest text, the end token among it.
        transformer: its width is that of a token's embedding.
        joint_dim: width of the space shared with studies.
    """

    vocabulary: int
    max_tokens: int
    transformer: TransformerConfig
    joint_dim: int

    def to_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Read the values back; unknown, missing or odd ones are an error."""
        return read_json(cls, values, "report_encoder")


class ReportEncoder(nn.Module):
    """Embedding and learnt positions, a transformer over each text, the state at the end token, projected."""

    def __init__(self, config: ReportEncoderConfig) -> None:
        super().__init__()
        width = config.transformer.width
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, width)
        self.position = nn.Embedding(config.max_tokens, width)
        nn.init.normal_(self.embedding.weight, std=0.02)
        nn.init.normal_(self.position.weight, std=0.02)
        self.transformer = Transformer(config.transformer)
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, config.joint_dim)

    def forward(self, texts: Texts, backend: Backend | None = None) -> torch.Tensor:
        """Packed texts → [n, J] embeddings, not normalised.

        Args:
            texts: tokens on the model's device.
            backend: the attention backend; the device's best when None.
        """
        offsets = texts.offsets.cpu()
        device = texts.tokens.device
        own_start = torch.repeat_interleave(offsets[:-1], offsets.diff())
        index = (torch.arange(len(own_start)) - own_start).to(device)
        x_CW = self.embedding(texts.tokens) + self.position(index)
        x_CW = self.transformer(x_CW, Pieces(offsets), backend or best_backend(device, x_CW.dtype))
        result: torch.Tensor = self.project(self.norm(x_CW[(offsets[1:] - 1).to(device)]))
        return result
