"""The normal tissues, in the order of the channels of a head."""

from __future__ import annotations

TISSUE_NAMES: tuple[str, ...] = (
    "csf",
    "gm",
    "wm",
    "deep_gm",
    "bone",
    "marrow_fat",
    "fat",
    "muscle",
    "skin",
    "air",
    "vitreous",
    "lens",
    "arterial_blood",
    "venous_blood",
    "dura",
    "pituitary",
    "choroid",
    "nasal_mucosa",
)
