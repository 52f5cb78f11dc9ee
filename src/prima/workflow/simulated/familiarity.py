"""The check for unfamiliar studies of a release that was trained on simulated studies."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch

from prima.model.release.familiarity import series_statistics
from prima.model.release.folder import load_release
from prima.train.calibration.familiarity import FamiliarityRecipe, Refusals, fit_familiarity, refusals
from prima.train.data.token_folder import StudyFacts, TokenFolder
from prima.train.familiarity_release import FittedFamiliarity, add_familiarity, facts_of_fit
from prima.workflow.watcher import NOBODY, Watcher

SETS_MEASURED = (1, 2, 3, 6)


def make_familiar(
    release: Path, tokens: Path, out: Path, *, recipe: FamiliarityRecipe | None = None, watcher: Watcher = NOBODY
) -> tuple[Refusals, ...]:
    """Write a release whose check knows the training side, with limits of the validation side, measured on the test.

    Args:
        release: folder of the release that made the tokens.
        tokens: folder with the folders train, validation and test of `make_tokens`.
        out: folder of the new release; new or empty.
        recipe: how to fit.
        watcher: told how many studies are read.

    Returns:
        What was measured on the test side.

    Raises:
        UsageError: there are too few studies.
        ReleaseError: the release cannot be used, or `out` is not empty.
    """
    loaded = load_release(release)
    sides = {
        name: read_statistics(TokenFolder(tokens / name), name, watcher) for name in ("train", "validation", "test")
    }
    plain = {name: [statistics for _, statistics in studies] for name, studies in sides.items()}
    check = fit_familiarity(_with_copies(sides["train"]), plain["validation"], recipe)
    by_scanner = {
        drifted: [study for facts, study in sides["test"] if bool((facts.more or {}).get("after_drift")) is drifted]
        for drifted in (False, True)
    }
    measured = [refusals(check, "simulated test year", plain["test"])]
    measured += [
        refusals(check, f"of these, {words}", by_scanner[drifted])
        for drifted, words in ((False, "scanners as in training"), (True, "the drifted scanner"))
        if by_scanner[drifted]
    ]
    measured += [
        refusals(check, f"test year, {number} of the series of each, drawn", plain["test"], number)
        for number in SETS_MEASURED
    ]
    originals = {facts.patient for facts, _ in sides["train"]}
    facts = facts_of_fit(
        loaded,
        data="simulated: seen, the training side of the release with its changed copies; held out, the validation side",
        num_patients=len(originals),
        measured=[asdict(row) for row in measured],
    )
    add_familiarity(loaded, FittedFamiliarity(check=check, facts={"familiarity": facts}), out)
    return tuple(measured)


def read_statistics(folder: TokenFolder, name: str, watcher: Watcher = NOBODY) -> list[tuple[StudyFacts, torch.Tensor]]:
    """What is known of each study, and the statistics of its series [N, W]."""
    studies = []
    for index, facts in enumerate(folder.facts):
        tokens = folder.read(index).tokens
        studies.append((facts, torch.stack([series_statistics(series.latents) for series in tokens.series])))
        watcher.count(f"series of {name}", index + 1, len(folder))
    return studies


def _with_copies(studies: list[tuple[StudyFacts, torch.Tensor]]) -> list[torch.Tensor]:
    """Statistics of each study with those of its changed copies, which follow it under its UID and a number."""
    joined: list[torch.Tensor] = []
    original: str | None = None
    for facts, statistics in studies:
        if original is not None and facts.study_uid.startswith(f"{original}."):
            joined[-1] = torch.cat([joined[-1], statistics])
        else:
            joined.append(statistics)
            original = facts.study_uid
    return joined
