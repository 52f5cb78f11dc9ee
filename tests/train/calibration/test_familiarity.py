"""The check for unfamiliar studies: what it refuses, how often wrongly, and what a release keeps of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from prima.errors import ReleaseError, UsageError
from prima.model.packaging.check import check_release
from prima.model.release.familiarity import FamiliarityCheck, read_check, series_statistics
from prima.model.release.familiarity_record import FAMILIARITY_FILE
from prima.model.release.folder import load_release
from prima.model.release.manifest import CARD_FILE, Manifest
from prima.model.release.untrained import TINY_SIZES, write_untrained_release
from prima.train.calibration.familiarity import (
    MIN_HELD_OUT,
    FamiliarityRecipe,
    Moments,
    fit_familiarity,
    refusals,
)
from prima.train.familiarity_release import FittedFamiliarity, add_familiarity, facts_of_fit

WIDTH = 16


def studies(num: int, seed: int, shift: float = 0.0, width: int = WIDTH) -> list[torch.Tensor]:
    """Statistics of studies of 1 to 14 series of three kinds that lie apart."""
    generator = torch.Generator().manual_seed(seed)
    kinds = torch.randn(3, 2 * width, generator=torch.Generator().manual_seed(1)) * 3
    made = []
    for _ in range(num):
        num_series = int(torch.randint(1, 15, (), generator=generator))
        kind = kinds[torch.randint(0, 3, (num_series,), generator=generator)]
        patient = torch.randn(2 * width, generator=generator) * 0.3
        made.append(kind + patient + torch.randn(num_series, 2 * width, generator=generator) + shift)
    return made


@pytest.fixture(scope="module")
def check() -> FamiliarityCheck:
    return fit_familiarity(studies(300, 2), studies(300, 3), FamiliarityRecipe(num_kept=8))


def test_few_studies_like_those_seen_are_refused_whatever_their_number_of_series(check: FamiliarityCheck) -> None:
    fresh = studies(600, 4)
    assert refusals(check, "fresh", fresh).refused / 600 < 0.05
    for num_series in range(1, 15):
        few = refusals(check, "fresh", fresh, num_series)
        assert few.refused / few.studies < 0.08, num_series
    assert check.record.interval[0] <= check.record.num_refused / check.record.num_held_out <= check.record.interval[1]


def test_strange_studies_are_refused_and_a_strange_series_is_told(check: FamiliarityCheck) -> None:
    strange = studies(100, 5, shift=6.0)
    assert refusals(check, "strange", strange).refused == 100
    assert refusals(check, "strange", strange, 1).refused == 100
    mixed = torch.cat([studies(1, 6)[0][:1], strange[0][:1]])
    near, far = check.read_statistics(mixed).series
    assert far > check.record.limit(1) > near


def test_the_distance_is_that_of_mahalanobis_where_every_direction_is_kept() -> None:
    seen = torch.cat(studies(300, 2))
    kept = Moments.of(seen).seen(2 * WIDTH - 1)
    fresh = torch.cat(studies(20, 7))
    offset = (fresh - seen.mean(0)).double()
    expected = torch.einsum("nw,wv,nv->n", offset, torch.linalg.inv(torch.cov(seen.double().T)), offset)
    torch.testing.assert_close(kept.distances(fresh).double(), (expected / (2 * WIDTH)).sqrt(), rtol=1e-3, atol=1e-3)


def test_a_check_gives_back_the_moments_that_it_keeps() -> None:
    moments = Moments.of(torch.cat(studies(300, 2)))
    back = Moments.of_seen(moments.seen(2 * WIDTH - 1))
    torch.testing.assert_close(back.covariance, moments.covariance, rtol=1e-3, atol=1e-3)


def test_adapting_makes_a_sites_studies_familiar_and_nothing_else(check: FamiliarityCheck) -> None:
    site, others = studies(120, 8, shift=2.5), studies(100, 9, shift=-9.0)
    assert refusals(check, "site", studies(100, 10, shift=2.5)).refused > 50
    adapted = fit_familiarity(site[:60], site[60:], FamiliarityRecipe(num_kept=8), parent=check.seen)
    assert refusals(adapted, "site", studies(100, 10, shift=2.5)).refused < 15
    assert refusals(adapted, "others", others).refused == 100


def test_too_few_studies_fit_nothing() -> None:
    with pytest.raises(UsageError, match=f"found {MIN_HELD_OUT - 1} studies to choose limits on, expected at least"):
        fit_familiarity(studies(60, 2), studies(MIN_HELD_OUT - 1, 3))


def test_statistics_are_mean_and_spread_of_the_latents() -> None:
    latents = torch.randn(50, 4, dtype=torch.float64)
    expected = torch.cat([latents.mean(0), latents.std(0, correction=0)]).float()
    torch.testing.assert_close(series_statistics(latents), expected, atol=1e-4, rtol=1e-4)
    assert series_statistics(latents.bfloat16()).dtype == torch.float32


def test_a_release_keeps_its_check_and_loads_without_one(tmp_path: Path) -> None:
    check = fit_familiarity(studies(60, 2, width=256), studies(60, 3, width=256))
    plain = load_release(write_untrained_release(tmp_path / "plain", TINY_SIZES, name="plain"))
    assert plain.manifest.familiarity is None and plain.familiarity() is None
    text = (plain.folder / "release.json").read_text()
    assert "familiarity" not in text and Manifest.from_text(text).to_text() == text
    facts = {"familiarity": facts_of_fit(plain, data="made", num_patients=3)}
    fitted = FittedFamiliarity(check=check, facts=facts)
    with_check = load_release(add_familiarity(plain, fitted, tmp_path / "new"))
    assert with_check.manifest.weights_sha256 == plain.manifest.weights_sha256
    assert with_check.manifest.familiarity == check.record
    loaded = with_check.familiarity()
    assert loaded is not None
    study = studies(1, 4, width=256)[0]
    assert loaded.read_statistics(study) == check.read_statistics(study)
    assert (with_check.folder / FAMILIARITY_FILE).stat().st_size < 200_000
    found = {one.name: one for one in check_release(with_check.folder)}
    assert not [one for one in found.values() if one.status == "fail"]
    assert found["familiarity"].status == "ok"
    without = {one.name: one for one in check_release(plain.folder)}["familiarity"]
    assert without.status == "warn" and "no check for unfamiliar studies" in without.found
    card = (with_check.folder / CARD_FILE).read_text()
    assert card.count("## Unfamiliar studies") == 1 and "chosen on 60 other studies" in " ".join(card.split())
    again = load_release(add_familiarity(with_check, fitted, tmp_path / "again"))
    assert (again.folder / CARD_FILE).read_text().count("## Unfamiliar studies") == 1


def test_odd_records_and_tensors_are_refused(tmp_path: Path, check: FamiliarityCheck) -> None:
    with pytest.raises(ReleaseError, match="found 0 limits of familiarity, expected 1 to 14 numbers"):
        replace(check.record, limits=()).check()
    with pytest.raises(ReleaseError, match="cannot be read"):
        read_check(tmp_path, check.record, WIDTH)
    from safetensors.torch import save_file

    save_file(check.seen.tensors() | {"scale": torch.ones(3)}, tmp_path / FAMILIARITY_FILE)
    with pytest.raises(ReleaseError, match=r"found scale of \(3,\)"):
        read_check(tmp_path, check.record, WIDTH)
    save_file(check.seen.tensors() | {"variances": torch.zeros(8)}, tmp_path / FAMILIARITY_FILE)
    with pytest.raises(ReleaseError, match="a variance that is not above zero"):
        read_check(tmp_path, check.record, WIDTH)
