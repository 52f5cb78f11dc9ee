"""Variants of `demo_reports`, each without or with one thing, to measure what it is worth."""

from __future__ import annotations

from dataclasses import replace

from prima.train.recipes.recipe import Recipe
from prima.train.recipes.shipped import demo_reports
from prima.train.study.losses import ContrastConfig
from prima.train.study.sentences import SentenceConfig


def no_sentence_dropout() -> Recipe:
    """`demo_reports` that always reads whole summaries, though still shuffled."""
    base = demo_reports()
    study = replace(base.study, sentences=SentenceConfig(drop=0.0, alone=0.0))
    return replace(base, name="no_sentence_dropout", study=study)


def no_discrimination() -> Recipe:
    """`demo_reports` without the discrimination of studies by their series."""
    base = demo_reports()
    study = replace(base.study, weights={**base.study.weights, "discrimination": 0.0})
    return replace(base, name="no_discrimination", study=study)


def image_only() -> Recipe:
    """`demo_reports` that is shown no series name and no study description."""
    base = demo_reports()
    return replace(base, name="image_only", study=replace(base.study, mode="image"))


def without_order() -> Recipe:
    """`demo_reports` that reads series names and study description, but not the order: age, sex, indication."""
    base = demo_reports()
    return replace(base, name="without_order", study=replace(base.study, mode="image+names"))


def siglip() -> Recipe:
    """`demo_reports` with SigLIP in place of CLIP."""
    base = demo_reports()
    model = replace(base.study.model, contrast=ContrastConfig(objective="siglip", scale=10.0))
    return replace(base, name="siglip", study=replace(base.study, model=model))
