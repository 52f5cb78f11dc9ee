"""Heads and calibrations into releases: the old release stays as it is, and the new one speaks in probabilities."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from prima.errors import ReleaseError, UsageError
from prima.model.engine.outputs import findings_of, notes_on, priority_of
from prima.model.release.folder import Release, load_release
from prima.model.release.untrained import TINY_SIZES, write_untrained_release
from prima.study.ontology import DIAGNOSIS_NAMES
from prima.train.calibration.fit import CalibrationRecipe
from prima.train.heads.data import SERVICE_NAMES, HeadData, HeadLabels, HeadLogits
from prima.train.heads.fit import HeadRecipe
from prima.train.heads_release import calibrate_release, retrain_heads

QUICK = CalibrationRecipe(replicates=20)
CPU = torch.device("cpu")
NUM = 240


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """In the published form: a whole network for each task."""
    folder = tmp_path_factory.mktemp("published") / "release"
    sizes = replace(TINY_SIZES, own_networks=True, hidden=(8,), num_referrals=3)
    return load_release(write_untrained_release(folder, sizes, name="published", seed=3))


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def logits_of(release: Release, features: np.ndarray) -> HeadLogits:
    """Through the release's own heads, study by study."""
    heads = release.heads(CPU)
    outputs = [heads(torch.from_numpy(feature)) for feature in features]
    manifest = release.manifest

    def table(rows: list[dict[str, float]]) -> np.ndarray:
        return np.array([list(row.values()) for row in rows], np.float32)

    return HeadLogits(
        diagnoses=table([one.diagnoses for one in outputs]),
        referrals=table([one.referrals for one in outputs]),
        priority=table([one.priority or {} for one in outputs]),
        diagnosis_names=tuple(head.name for head in manifest.diagnoses),
        referral_names=tuple(head.name for head in manifest.referrals),
        levels=manifest.priority.levels if manifest.priority else (),
    )


def labelled(seed: int, feature_dim: int) -> HeadData:
    """Features with a finding in each, so that there is something to learn."""
    random = np.random.default_rng(seed)
    present = random.random((NUM, len(DIAGNOSIS_NAMES))) < 0.12
    directions = np.random.default_rng(0).standard_normal((len(DIAGNOSIS_NAMES), feature_dim))
    features = present @ directions + 0.5 * random.standard_normal((NUM, feature_dim))
    referrals = np.stack([present[:, n] | present[:, n + 1] for n in range(len(SERVICE_NAMES))], axis=1)
    return HeadData(
        features=features.astype(np.float32),
        labels=HeadLabels(
            patients=tuple(f"{seed}/{number // 2}" for number in range(NUM)),
            diagnoses=present.astype(np.float32),
            referrals=referrals.astype(np.float32),
            priority=np.minimum(present[:, :4].sum(axis=1), 3),
        ),
    )


@pytest.fixture(scope="module")
def site(published: Release) -> tuple[HeadData, HeadLogits]:
    data = labelled(5, published.manifest.vision.feature_dim)
    return data, logits_of(published, data.features)


def test_a_published_form_gets_probabilities(
    published: Release, site: tuple[HeadData, HeadLogits], tmp_path: Path
) -> None:
    data, logits = site
    before = digests(published.folder)
    folder, missing = calibrate_release(
        published, logits, data.labels, "sensitivity=0.9", tmp_path / "new", recipe=QUICK
    )
    assert digests(published.folder) == before, "the old release is not changed"
    assert missing == ()
    new = load_release(folder, verify=True)
    manifest = new.manifest
    assert (manifest.name, manifest.calibrated, published.manifest.calibrated) == ("new", True, False)
    assert manifest.mlps == published.manifest.mlps and len(manifest.mlps) == 52 + 3 + 1
    facts = manifest.provenance["calibration"]
    assert facts["of_release_sha256"] == published.sha256
    assert (facts["num_studies"], facts["num_patients"], facts["target"]) == (NUM, NUM // 2, "sensitivity=0.9")

    outputs = new.heads(CPU)(torch.from_numpy(data.features[0]))
    findings = findings_of(outputs.diagnoses, manifest.diagnoses)
    for column, finding in enumerate(findings):
        assert finding.logit == pytest.approx(float(logits.diagnoses[0, column]), abs=1e-5)
        assert finding.probability is not None and finding.interval is not None
        assert 0 <= finding.interval[0] <= finding.probability <= finding.interval[1] <= 1
        calibration = manifest.diagnoses[column].calibration
        assert calibration is not None and finding.threshold == calibration.threshold
        inside = calibration.abstain_low <= finding.probability < calibration.abstain_high
        assert finding.present == (None if inside else finding.probability >= finding.threshold)
    priority = priority_of(outputs.priority, manifest.priority)
    assert priority is not None and priority.probabilities is not None
    assert sum(priority.probabilities.values()) == pytest.approx(1)
    assert priority.level == max(priority.probabilities, key=priority.probabilities.__getitem__)


def test_weights_are_shared_and_the_card_says_what_was_reached(
    published: Release, site: tuple[HeadData, HeadLogits], tmp_path: Path
) -> None:
    data, logits = site
    once, _ = calibrate_release(published, logits, data.labels, "ppv=0.5", tmp_path / "once", recipe=QUICK)
    twice, _ = calibrate_release(
        load_release(once), logits, data.labels, "alerts=0.1", tmp_path / "twice", recipe=QUICK
    )
    assert (twice / "vision.safetensors").stat().st_ino == (published.folder / "vision.safetensors").stat().st_ino
    card = (twice / "MODEL_CARD.md").read_text(encoding="utf-8")
    before = (published.folder / "MODEL_CARD.md").read_text(encoding="utf-8").rstrip().splitlines()
    changed = [line for line in before if line not in card.splitlines()]
    assert all("manifest_sha256" in line for line in changed) and len(changed) == 1
    assert card.count("## Calibration") == 1
    assert "with thresholds for alerts=0.1." in card
    assert card.count("\n| `") == 52 + 3
    assert "ppv=0.5" in (once / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_heads_without_a_label_stay_scores_or_are_left_out(
    published: Release, site: tuple[HeadData, HeadLogits], tmp_path: Path
) -> None:
    data, logits = site
    some = replace(
        data.labels,
        diagnoses=data.labels.diagnoses[:, :20],
        diagnosis_names=DIAGNOSIS_NAMES[:20],
        priority=np.full(NUM, -1, np.int64),
    )
    kept, missing = calibrate_release(published, logits, some, "sensitivity=0.9", tmp_path / "kept", recipe=QUICK)
    assert missing == (*DIAGNOSIS_NAMES[20:], "priority")
    manifest = load_release(kept).manifest
    assert not manifest.calibrated and len(manifest.diagnoses) == 52
    first, *_, last = findings_of(dict.fromkeys(DIAGNOSIS_NAMES, 0.5), manifest.diagnoses)
    assert first.probability is not None
    assert (last.probability, last.interval, last.threshold, last.present) == (None, None, 0.0, True)
    assert priority_of({"none": 0.1, "low": 0.2, "medium": 0, "high": 0}, manifest.priority).probabilities is None

    left, missing = calibrate_release(
        published, logits, some, "sensitivity=0.9", tmp_path / "left", recipe=QUICK, drop_uncalibrated=True
    )
    manifest = load_release(left).manifest
    assert manifest.calibrated and manifest.priority is None
    assert tuple(head.name for head in manifest.diagnoses) == DIAGNOSIS_NAMES[:20]
    assert manifest.provenance["calibration"]["heads_left_out"] == list(missing)
    assert load_release(left).heads(CPU)(torch.from_numpy(data.features[0])).priority is None


def test_notes_name_weak_thresholds_and_a_mode_that_was_not_calibrated(
    published: Release, site: tuple[HeadData, HeadLogits], tmp_path: Path
) -> None:
    data, logits = site
    diagnoses = data.labels.diagnoses.copy()
    diagnoses[np.flatnonzero(diagnoses[:, 1])[1:], 1] = 0  # too few for a probability
    diagnoses[np.flatnonzero(diagnoses[:, 2])[6:], 2] = 0  # enough for one, and weak
    few = replace(data.labels, diagnoses=diagnoses)
    folder, _ = calibrate_release(published, logits, few, "sensitivity=0.9", tmp_path / "few", recipe=QUICK)
    manifest = load_release(folder).manifest
    high = findings_of(dict.fromkeys(DIAGNOSIS_NAMES, 1e3), manifest.diagnoses)
    low = findings_of(dict.fromkeys(DIAGNOSIS_NAMES, -1e3), manifest.diagnoses)
    silent = "1 of 52 findings are not called: too few positive studies for a threshold"
    weak = f"{high[2].display}: threshold weakly supported, by 6 positive studies"
    assert high[1].probability is None and high[1].present is None
    assert notes_on(high, manifest, manifest.mode) == (silent, weak)
    assert notes_on(low, manifest, manifest.mode) == (silent,)
    assert notes_on(low, manifest, "image") == (
        silent,
        "calibrated in the mode image+names, used in the mode image: probabilities may be off",
    )
    assert notes_on((), manifest, "image") == ()


def test_new_heads_on_the_features_of_a_release(published: Release, tmp_path: Path) -> None:
    width = published.manifest.vision.feature_dim
    train, validation, test = (labelled(seed, width) for seed in (1, 2, 3))
    recipe = HeadRecipe(hidden=0, epochs=12, column_epochs=6, batch_size=32, learning_rate=0.02, dropout=0)
    before = digests(published.folder)
    folder = retrain_heads(published, train, validation, tmp_path / "new", recipe=recipe, calibration=QUICK)
    assert digests(published.folder) == before
    release = load_release(folder, verify=True)
    manifest = release.manifest
    assert manifest.calibrated and manifest.mlps == ("heads/000.safetensors",)
    assert manifest.priority is not None and manifest.priority.column == 52 + len(SERVICE_NAMES)
    assert sorted(path.name for path in (folder / "heads").iterdir()) == ["000.safetensors"]
    assert manifest.provenance["heads"]["num_train_studies"] == NUM
    logits = logits_of(release, test.features).diagnoses
    present = test.labels.diagnoses == 1
    assert logits[present].mean() > logits[~present].mean() + 2
    calibrations = [head.calibration for head in manifest.diagnoses]
    told = [one.probabilities(logits[:, n])[:, 0].mean() for n, one in enumerate(calibrations) if one is not None]
    assert np.mean(told) == pytest.approx(present.mean(), abs=0.02)


def test_what_does_not_fit_is_refused_and_leaves_nothing(
    published: Release, site: tuple[HeadData, HeadLogits], tmp_path: Path
) -> None:
    data, logits = site
    other = labelled(1, published.manifest.vision.feature_dim + 1)
    with pytest.raises(UsageError, match=r"found features of length \d+, expected the release's \d+"):
        retrain_heads(published, other, other, tmp_path / "a")
    foreign = replace(logits, diagnosis_names=("unheard_of", *logits.diagnosis_names[1:]))
    with pytest.raises(UsageError, match="1 heads that the release does not have, the first unheard_of"):
        calibrate_release(published, foreign, data.labels, "ppv=0.5", tmp_path / "b")
    nothing = replace(
        data.labels,
        diagnoses=np.full_like(data.labels.diagnoses, np.nan),
        referrals=np.full_like(data.labels.referrals, np.nan),
    )
    with pytest.raises(UsageError, match="found no label of any head"):
        calibrate_release(published, logits, nothing, "ppv=0.5", tmp_path / "c")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "mine").touch()
    with pytest.raises(ReleaseError, match="expected a new or empty folder"):
        calibrate_release(published, logits, data.labels, "ppv=0.5", tmp_path / "d", recipe=QUICK)


def test_a_disk_that_fills_up_leaves_no_half_release(
    published: Release, site: tuple[HeadData, HeadLogits], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, logits = site

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("prima.model.packaging.build.os.link", full)
    monkeypatch.setattr("prima.model.packaging.build.shutil.copyfile", full)
    with pytest.raises(OSError, match="No space left"):
        calibrate_release(published, logits, data.labels, "ppv=0.5", tmp_path / "new", recipe=QUICK)
    assert not (tmp_path / "new").exists()
