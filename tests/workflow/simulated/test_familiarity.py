"""A check from folders of tokens: known from one side, limits of the next, measured on the last."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from prima.errors import UsageError
from prima.model.packaging.check import check_release
from prima.model.release.folder import load_release
from prima.model.release.manifest import CARD_FILE
from prima.model.release.untrained import TINY_SIZES, write_untrained_release
from prima.tokens.batch import SeriesTokens, StudyTokens
from prima.train.data.token_folder import StudyFacts, write_part
from prima.workflow.simulated import make_familiar


def write_side(folder: Path, num_studies: int, seed: int) -> None:
    """Studies of one to eight series of ten made-up tokens; every third is of the drifted scanner."""
    generator = torch.Generator().manual_seed(seed)
    studies = []
    for index in range(num_studies):
        series = tuple(
            SeriesTokens(
                latents=torch.randn(10, 256, generator=generator),
                coordinates=torch.zeros(10, 3, dtype=torch.int32),
                plane="axial",
                name="AX T2",
                num_patches=20,
            )
            for _ in range(1 + index % 8)
        )
        facts = StudyFacts(study_uid=f"1.{seed}.{index}", patient=f"P{index}", more={"after_drift": index % 3 == 0})
        studies.append((facts, StudyTokens(series=series, description=""), None))
    write_part(folder, "00000", studies, {"contract": "{}"})


def test_a_release_gets_its_check_and_says_what_was_measured(tmp_path: Path) -> None:
    release = write_untrained_release(tmp_path / "release", TINY_SIZES, name="made")
    for seed, (side, num_studies) in enumerate({"train": 60, "validation": 60, "test": 48}.items()):
        write_side(tmp_path / "tokens" / side, num_studies, seed)
    rows = make_familiar(release, tmp_path / "tokens", tmp_path / "new")
    by_words = {row.of: row for row in rows}
    assert by_words["simulated test year"].studies == 48
    assert by_words["of these, the drifted scanner"].studies == 16
    assert by_words["test year, 6 of the series of each, drawn"].studies == 18  # those that have so many
    assert by_words["simulated test year"].refused < 10
    found = load_release(tmp_path / "new")
    assert found.manifest.familiarity is not None and found.manifest.familiarity.num_held_out == 60
    measured = found.manifest.provenance["familiarity"]["measured"]
    assert [row["of"] for row in measured] == list(by_words)
    assert "| of these, the drifted scanner | 16 |" in (found.folder / CARD_FILE).read_text()
    assert not [one for one in check_release(found.folder) if one.status == "fail"]


def test_a_side_that_is_too_small_fits_nothing(tmp_path: Path) -> None:
    release = write_untrained_release(tmp_path / "release", TINY_SIZES, name="made")
    for seed, side in enumerate(("train", "validation", "test")):
        write_side(tmp_path / "tokens" / side, 12, seed)
    with pytest.raises(UsageError, match="found 12 studies to learn from, expected at least 50"):
        make_familiar(release, tmp_path / "tokens", tmp_path / "new")
    assert not (tmp_path / "new").exists()
