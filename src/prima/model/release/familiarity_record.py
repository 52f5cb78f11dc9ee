"""What release.json says of the check for unfamiliar studies. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from prima.errors import ReleaseError

FAMILIARITY_FILE = "familiarity.safetensors"
MOST_SERIES = 14
"""Studies of more series have the limit of this many."""
UNFAMILIAR = "unlike the studies this release has seen: no findings are given"
"""Why a study beyond the limit is unanswered."""


@dataclass(frozen=True, kw_only=True)
class FamiliarityRecord:
    """What release.json says of the check for unfamiliar studies; its tensors are in `familiarity.safetensors`.

    Args:
        limits: the largest distance that is answered, of studies of one series, two, and so on; the last one holds for
            more series, too.
        false_refusal: share of the studies like those seen that may lie beyond the limit.
        num_seen: studies whose tokens say what is familiar.
        num_held_out: other studies, of other patients, that the limits were chosen on.
        num_refused: of these, how many are beyond.
        interval: of that share, 95 %, exact binomial.
    """

    limits: tuple[float, ...]
    false_refusal: float
    num_seen: int
    num_held_out: int
    num_refused: int
    interval: tuple[float, float]

    def check(self) -> None:
        """Refuse limits that can decide nothing.

        Raises:
            ReleaseError: there is none, or one is not above zero.
        """
        if not 0 < len(self.limits) <= MOST_SERIES or min(self.limits) <= 0:
            raise ReleaseError(
                f"release.json: found {len(self.limits)} limits of familiarity, expected 1 to {MOST_SERIES} numbers "
                "above zero; restore the file"
            )

    def limit(self, num_series: int) -> float:
        """The largest distance of a study of so many series that is answered.

        Example:
            >>> record = FamiliarityRecord(
            ...     limits=(4.0, 3.5, 3.0), false_refusal=0.02, num_seen=400, num_held_out=300, num_refused=6,
            ...     interval=(0.007, 0.043),
            ... )
            >>> record.limit(1), record.limit(3), record.limit(9)
            (4.0, 3.0, 3.0)
        """
        return self.limits[min(num_series, len(self.limits)) - 1]
