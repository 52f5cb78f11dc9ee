"""What the 52 diagnoses are called in prompts: in the words of the ontology, written as summaries of reports are.

A summary tells what was found and leaves denials out, so a report encoder trained on summaries has hardly read "no
meningioma", and may take it for a meningioma. Hence the negative prompts of first choice are those of a normal study;
the denials are there to be measured.
"""

from __future__ import annotations

from dataclasses import dataclass

from prima.study.ontology import DIAGNOSES, Diagnosis
from prima.train.study.sentences import NORMAL_SENTENCE, numbered

TEMPLATES = (
    "{}.",
    "Findings consistent with {}.",
    "Findings are most compatible with {}.",
    "MRI appearance of {}.",
    "{} is present.",
)
DENIALS = ("No {}.", "No evidence of {}.", "There is no {}.")
NORMAL = (
    NORMAL_SENTENCE,
    "Normal brain MRI.",
    "No acute intracranial abnormality.",
    "Unremarkable MRI of the brain.",
    "No significant abnormality.",
)
# What begins with a capital inside a sentence, besides abbreviations.
_NAMES = ("Dandy", "Rathke", "Chiari", "Arnold", "Ommaya")


@dataclass(frozen=True, kw_only=True)
class Prompts:
    """What is said of one diagnosis.

    Args:
        positive: texts that say it is there.
        denied: texts that say it is not.
    """

    positive: tuple[str, ...]
    denied: tuple[str, ...]


NORMAL_PROMPTS = tuple(numbered([sentence]) for sentence in NORMAL)
"""Texts of a normal study: one negative for all diagnoses."""


def prompts_of(diagnosis: Diagnosis) -> Prompts:
    """Prompts of a diagnosis: every template with its name, and its synonyms by themselves.

    Example:
        >>> from prima.study.ontology import DIAGNOSES
        >>> prompts = prompts_of(DIAGNOSES[0])
        >>> prompts.positive[0], prompts.positive[1], prompts.positive[-1]
        ('1. Arachnoid cyst.', '1. Findings consistent with arachnoid cyst.', '1. Leptomeningeal cyst.')
        >>> prompts.denied[0]
        '1. No arachnoid cyst.'
    """
    name = words_of(diagnosis.display)
    return Prompts(
        positive=(
            *(_sentence(template, name) for template in TEMPLATES),
            *(_sentence("{}.", synonym) for synonym in diagnosis.synonyms),
        ),
        denied=tuple(_sentence(template, name) for template in DENIALS),
    )


def words_of(display: str) -> str:
    """A diagnosis' name as it stands inside a sentence, without the age group, which reports do not tell.

    Example:
        >>> words_of("Ependymoma, pediatric"), words_of("CNS lymphoma"), words_of("Chiari malformation")
        ('ependymoma', 'CNS lymphoma', 'Chiari malformation')
    """
    name = display.partition(", ")[0]
    keeps_capital = name.startswith(_NAMES) or name[:2].isupper()
    return name if keeps_capital else name[:1].lower() + name[1:]


def _sentence(template: str, words: str) -> str:
    text = template.format(words)
    return numbered([text[:1].upper() + text[1:]])


PROMPTS: tuple[Prompts, ...] = tuple(prompts_of(diagnosis) for diagnosis in DIAGNOSES)
"""Prompts of the 52, in the order of the ontology."""
