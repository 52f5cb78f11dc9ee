"""What a model is shown of a study: the one place that withholds text from it, or joins the order to it.

Tokens keep the names and descriptions of the headers; what a mode withholds is emptied here, right before a model
reads them, in training as in use.
"""

from __future__ import annotations

from dataclasses import replace

from prima.study.mode import Mode
from prima.tokens.batch import StudyTokens
from prima.tokens.text import study_text


def mode_of_call(trained: Mode, *, image_only: bool) -> Mode:
    """The mode of a call: that of the training, unless text is withheld.

    Args:
        trained: what the release was trained to see.
        image_only: whether the caller withholds all text.

    Example:
        >>> mode_of_call("image+names", image_only=False), mode_of_call("image+names", image_only=True)
        ('image+names', 'image')
    """
    return "image" if image_only else trained


def shows_indication(mode: Mode) -> bool:
    """Whether a model in this mode reads the order (age, sex, indication) beside the study description."""
    return mode == "image+names+indication"


def shown(tokens: StudyTokens, mode: Mode, indication: str = "") -> StudyTokens:
    """The tokens of a study with the text that a mode shows.

    Args:
        tokens: with the series names and the study description of the headers.
        mode: what the model may read.
        indication: what the order says (`tokens.text.order_text`); read in one mode only.

    Example:
        >>> study = StudyTokens(series=(), description="MRI BRAIN WO")
        >>> shown(study, "image+names+indication", "63-year-old female. Seizure").description
        'MRI BRAIN WO. 63-year-old female. Seizure'
        >>> shown(study, "image").description
        ''
    """
    if mode == "image":
        return StudyTokens(series=tuple(replace(series, name="") for series in tokens.series), description="")
    if shows_indication(mode):
        return replace(tokens, description=study_text(tokens.description, indication))
    return tokens
