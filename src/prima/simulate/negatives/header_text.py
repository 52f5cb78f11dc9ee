"""What the headers of negatives say: the truth, nothing, or that it is a brain."""

from __future__ import annotations

from typing import Literal

from prima.simulate.scanner.scanners import Scanner
from prima.simulate.scanner.series_names import description_of
from prima.simulate.scanner.series_roles import ROLES

Labelled = Literal["honest", "silent", "brain"]
"""What study description, body part and series names say: what it is; nothing; a brain, though it is none."""

HONEST: dict[str, tuple[str, str, str]] = {
    "cervical": ("CSPINE", "MRI CERVICAL SPINE WO CONTRAST", "C SPINE"),
    "thoracic": ("TSPINE", "MRI THORACIC SPINE WO CONTRAST", "T SPINE"),
    "lumbar": ("LSPINE", "MRI LUMBAR SPINE WO CONTRAST", "L SPINE"),
    "knee": ("KNEE", "MRI KNEE RIGHT WO", "KNEE"),
    "thighs": ("THIGH", "MRI FEMUR BILATERAL", "THIGHS"),
    "hand": ("HAND", "MRI HAND LEFT WO", "HAND"),
    "ankle": ("ANKLE", "MRI ANKLE RIGHT WO", "ANKLE"),
    "shoulder": ("SHOULDER", "MRI SHOULDER WO CONTRAST", "SHOULDER"),
    "abdomen": ("ABDOMEN", "MRI ABDOMEN W WO CONTRAST", "ABDOMEN"),
    "pelvis": ("PELVIS", "MRI PELVIS WO CONTRAST", "PELVIS"),
    "chest": ("CHEST", "MRI CHEST WO CONTRAST", "CHEST"),
    "breasts": ("BREAST", "MRI BREAST BILATERAL W WO", "BREAST"),
    "accreditation": ("PHANTOM", "ACR PHANTOM MONTHLY", "ACR"),
    "bottle": ("PHANTOM", "QA DAILY", "BOTTLE"),
    "sphere": ("PHANTOM", "PHANTOM SNR TEST", "SNR"),
    "vials": ("PHANTOM", "RELAXOMETRY PHANTOM", "VIALS"),
    "lattice": ("PHANTOM", "PHANTOM DISTORTION", "GRID"),
    "head_shaped": ("PHANTOM", "PHANTOM HEAD", "TEST"),
    "head_ct": ("HEAD", "CT HEAD WO CONTRAST", "HEAD"),
    "head_ct_contrast": ("HEAD", "CT HEAD W CONTRAST", "HEAD CE"),
    "facial_ct": ("HEAD", "CT FACIAL BONES", "FACE"),
}
"""Subkind → BodyPartExamined, StudyDescription, the word that series names hold."""


def honest_words(subkind: str) -> tuple[str, str, str]:
    """Body part, study description and word of a subkind; fruit and noise go by names of their own.

    Example:
        >>> honest_words("kiwi")
        ('OTHER', 'TEST KIWI', 'KIWI')
    """
    return HONEST.get(subkind, ("OTHER", f"TEST {subkind.upper()}", subkind.upper()))


def series_words(role: str, scanner: Scanner, labelled: Labelled, word: str) -> str:
    """SeriesDescription.

    Example:
        >>> from prima.simulate.scanner.scanners import SCANNERS
        >>> [series_words("t2_sag", SCANNERS["prisma_1"], kind, "KNEE") for kind in ("honest", "silent", "brain")]
        ['SAG T2 KNEE', 'SAG T2', 't2_tse_sag']
    """
    if labelled == "brain":
        return description_of(role, scanner)
    plane = {"axial": "AX", "coronal": "COR", "sagittal": "SAG"}[ROLES[role].plane]
    weighting = {"mprage": "T1 3D", "gre": "GRE"}.get(ROLES[role].contrast, ROLES[role].contrast.upper())
    fat, agent = " FS" * ROLES[role].fat_suppressed, " POST" * ROLES[role].gadolinium
    return f"{plane} {weighting}{fat}{agent}" + (f" {word}" if labelled == "honest" else "")
