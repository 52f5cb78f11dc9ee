"""Numbers as people read them."""

from __future__ import annotations

import math

from prima.evaluate.evaluation import Estimate

NO_NUMBER = "–"


def printable(words: str) -> str:
    """Words from a table without what a terminal would obey or a document cannot hold.

    Example:
        >>> printable("red\\x1b[31m")
        'red [31m'
    """
    return "".join(letter if letter.isprintable() else " " for letter in words)


def format_number(value: float, digits: int = 3) -> str:
    """A number with three digits after the point; a dash where there is none.

    Example:
        >>> format_number(0.91251), format_number(float("nan"))
        ('0.913', '–')
    """
    return NO_NUMBER if math.isnan(value) else f"{value:.{digits}f}"


def format_estimate(estimate: Estimate) -> str:
    """A number with its interval.

    Example:
        >>> format_estimate(Estimate(value=0.912, low=0.9, high=0.925))
        '0.912 [0.900, 0.925]'
    """
    if math.isnan(estimate.value) or math.isnan(estimate.low):
        return format_number(estimate.value)
    return f"{format_number(estimate.value)} [{format_number(estimate.low)}, {format_number(estimate.high)}]"


def format_difference(estimate: Estimate) -> str:
    """A difference with its interval, signs shown.

    Example:
        >>> format_difference(Estimate(value=0.02, low=-0.01, high=0.05))
        '+0.020 [-0.010, +0.050]'
    """
    if math.isnan(estimate.value):
        return NO_NUMBER
    return f"{estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"
