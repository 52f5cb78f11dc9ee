"""Where the parts of a series' vector and of a study's feature lie: the one place that lays them out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Self


def _end_to_end(*widths: int) -> Iterator[slice]:
    starts = [sum(widths[:index]) for index in range(len(widths) + 1)]
    return (slice(start, stop) for start, stop in pairwise(starts))


@dataclass(frozen=True, kw_only=True)
class StudyLayout:
    """The parts of a study feature [width], the heads' input, in order; a part that a model lacks is empty.

    Args:
        registers: registers of the study ViT, normalised.
        words: bag of the words of the study's text.
        context: mean, then maximum, over series of their token states in context.
        evidence: highest and mean evidence of the series, then, with context, what a place agrees on.
        compared: how far strongest places stand out of their series (highest and mean over the series), then how far a
            place differs from its mirror.

    Example:
        >>> layout = StudyLayout.of(registers=8, words=2, context=4, evidence=6, compared=0)
        >>> layout.context, layout.evidence, layout.width
        (slice(10, 14, None), slice(14, 20, None), 20)
    """

    registers: slice
    words: slice
    context: slice
    evidence: slice
    compared: slice

    @classmethod
    def of(cls, *, registers: int, words: int, context: int, evidence: int, compared: int) -> Self:
        """Parts of these widths, end to end."""
        first, second, third, fourth, fifth = _end_to_end(registers, words, context, evidence, compared)
        return cls(registers=first, words=second, context=third, evidence=fourth, compared=fifth)

    @property
    def width(self) -> int:
        """Length of the feature."""
        end: int = self.compared.stop
        return end


@dataclass(frozen=True, kw_only=True)
class SeriesLayout:
    """The parts of a pooled series vector [width], in order; a part that a model lacks is empty.

    Args:
        registers: registers of the sequence ViT, normalised.
        moments: mean, spread and maximum of the token rows.
        context: mean of the token states in context.
        evidence: softened maximum, then mean, of the evidence of the series' tokens.
        agreed: evidence on which a place agrees, over all series of the study.
        compared: how far its strongest places stand out of the series, then how far a place of the study differs from
            its mirror.

    Example:
        >>> SeriesLayout.of(registers=8, moments=0, context=4, evidence=6, agreed=3, compared=0).agreed
        slice(18, 21, None)
    """

    registers: slice
    moments: slice
    context: slice
    evidence: slice
    agreed: slice
    compared: slice

    @classmethod
    def of(cls, *, registers: int, moments: int, context: int, evidence: int, agreed: int, compared: int) -> Self:
        """Parts of these widths, end to end."""
        parts = _end_to_end(registers, moments, context, evidence, agreed, compared)
        first, second, third, fourth, fifth, sixth = parts
        return cls(registers=first, moments=second, context=third, evidence=fourth, agreed=fifth, compared=sixth)

    @property
    def width(self) -> int:
        """Length of the vector."""
        end: int = self.compared.stop
        return end
