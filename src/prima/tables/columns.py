"""Names of the columns that rooms exchange; a script of a user may rest on them, so they do not change.

    study_uid, patient, status, reason
    NAME, NAME__logit, NAME__low, NAME__high, NAME__present    of a diagnosis; the bare name is its probability
    referral_SERVICE, referral_SERVICE__logit, …                likewise of a referral
    priority, priority_LEVEL, priority_LEVEL__logit             the level, and each level's probability and logit
    priority_score                                              urgency from 0 to 1

In a table of truth a bare name says whether the diagnosis or referral is right: true, false, or nothing where that is
not known.
"""

from __future__ import annotations

from prima.study.ontology import REFERRAL

LOGIT = "__logit"
LOW, HIGH = "__low", "__high"
PRESENT = "__present"
PRIORITY = "priority"
PRIORITY_SCORE = "priority_score"


def logit_column(name: str) -> str:
    """Column of the output of a head.

    Example:
        >>> logit_column("glioma"), logit_column(referral_column("neurology")), logit_column(level_column("high"))
        ('glioma__logit', 'referral_neurology__logit', 'priority_high__logit')
    """
    return name + LOGIT


def referral_column(service: str) -> str:
    """Column of a referral, whose head a release may already have named so.

    Example:
        >>> referral_column("neurology"), referral_column("referral_3")
        ('referral_neurology', 'referral_3')
    """
    return service if service.startswith(REFERRAL) else REFERRAL + service


def level_column(level: str) -> str:
    """Column of the probability of a level of priority.

    Example:
        >>> level_column("high")
        'priority_high'
    """
    return f"{PRIORITY}_{level}"
