"""The words of a study's text as a bag: each word has a vector, found by hashing, and the vectors are added.

A few thousand studies do not teach a character encoder that "seizure" and "seizures" mean the same, nor that
"63-year-old" is beyond 60; a bag learns what each word goes with from the studies that have it.
"""

from __future__ import annotations

import re
from itertools import pairwise
from zlib import crc32

import torch
from torch import nn

from prima.tokens.text import decode_text

NUM_BUCKETS = 4096
_AGES = (1, 3, 6, 10, 15, 20, 30, 40, 50, 60, 70, 80)
_WORD = re.compile(r"(\d+)-year-old|[a-z]+|\d+")


def words_of(text: str) -> list[str]:
    """Lower-case words; an age says beyond which ages it is, so that neighbours share most of it.

    Example:
        >>> words_of("MRI BRAIN WO. 4-year-old male. Seizures")
        ['mri', 'brain', 'wo', 'aged', 'over_1', 'over_3', 'male', 'seizures']
    """
    words: list[str] = []
    for match in _WORD.finditer(text.lower()):
        years = match[1]
        words += [match[0]] if years is None else ["aged", *(f"over_{age}" for age in _AGES if int(years) >= age)]
    return words


class WordBag(nn.Module):
    """Character codes of texts → the sum of the vectors of their words."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(NUM_BUCKETS, width, mode="sum")
        nn.init.zeros_(self.embedding.weight)  # a word that training never showed says nothing

    def forward(self, text_C: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
        """[C] codes of n texts with [n + 1] offsets → [n, width]; zeros for an empty text."""
        codes, edges = text_C.tolist(), offsets.tolist()
        bags = [
            [crc32(word.encode()) % NUM_BUCKETS for word in words_of(decode_text(codes[start:stop]))]
            for start, stop in pairwise(edges)
        ]
        weight = self.embedding.weight
        starts = torch.tensor([0, *(len(bag) for bag in bags)]).cumsum(0)[:-1]
        index = torch.tensor([bucket for bag in bags for bucket in bag], dtype=torch.int64)
        pooled: torch.Tensor = self.embedding(index.to(weight.device), starts.to(weight.device))
        return pooled
