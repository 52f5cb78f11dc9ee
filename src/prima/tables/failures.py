"""What can go wrong with one study while a table is made: one name each, in every table, with its words."""

from __future__ import annotations

from enum import StrEnum


class Failure(StrEnum):
    """Why a study has a row without results; the value stands in the column `reason`."""

    NO_INSTANCES = "no_instances"
    UNREADABLE = "unreadable"
    NOT_TOKENISED = "not_tokenised"
    DAMAGED = "damaged"
    NOT_FINITE = "not_finite"
    OUT_OF_MEMORY = "out_of_memory"
    ENDED_ITS_PROCESS = "ended_its_process"
    UNFORESEEN = "unforeseen"

    @property
    def words(self) -> str:
        """The failure in words for people."""
        return _WORDS[self]


_WORDS = {
    Failure.NO_INSTANCES: "no file of the study is in the archive any more",
    Failure.UNREADABLE: "no file of the study can be read",
    Failure.NOT_TOKENISED: "the study is in the cohort and was never tokenised: run prima tokenize again",
    Failure.DAMAGED: "its tokens cannot be read",
    Failure.NOT_FINITE: "a feature or a logit is infinite or not a number",
    Failure.OUT_OF_MEMORY: "the study needs more memory than there is",
    Failure.ENDED_ITS_PROCESS: "the process that worked on it was ended twice: too little memory, or a decoder crashed",
    Failure.UNFORESEEN: "reading or computing failed in a way nobody foresaw",
}


def unforeseen(step: str, error: Exception) -> str:
    """The line on an error that nobody foresaw; it names the error's type and no more, for its text may name a person.

    Args:
        step: what failed, such as "reading".
        error: what was raised.

    Example:
        >>> unforeseen("reading", KeyError("name"))
        'reading failed in a way nobody foresaw (KeyError); please report it'
    """
    return f"{step} failed in a way nobody foresaw ({type(error).__name__}); please report it"
