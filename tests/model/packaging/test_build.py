"""Releases built from what training leaves: whole or not there, equal when built again, and honest about themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.utils.flop_counter import FlopCounterMode

from prima.errors import ReleaseError
from prima.model.networks.cost import encoder_flops
from prima.model.packaging import build
from prima.model.packaging import probe as probe_module
from prima.model.packaging.build import ReleaseParts, build_release, collect, without_studies
from prima.model.packaging.check import ReleaseCheck, check_release
from prima.model.packaging.probe import Machine, Probe, compare, read_probe, run_probe, this_machine
from prima.model.packaging.probe_study import probe_study
from prima.model.release.calibration import HeadCalibration, PriorityCalibration
from prima.model.release.folder import Release, ReleaseWriter, load_release
from prima.model.release.manifest import FORMAT, MANIFEST_FILE, TOKENIZER_FILE, VISION_FILE
from prima.model.release.stage_folder import (
    HeadsConfig,
    Part,
    StageRecord,
    read_part,
    write_json,
    write_part,
    write_run_facts,
)
from prima.model.release.untrained import TINY_SIZES, write_untrained_release
from prima.study.ontology import DIAGNOSES, DIAGNOSIS_NAMES, PRIORITIES, SERVICES, display_name
from prima.tokens.contract import OPEN, PUBLISHED, Contract
from prima.tokens.tokenizer import patches_of
from prima.tokens.vqvae import Encoder, VQVAEConfig
from prima.train.heads.data import HeadLabels, HeadLogits
from prima.train.heads_release import calibrate_release

CALIBRATION = HeadCalibration(
    kind="platt", logits=(-4.0, 4.0), log_odds=(-4.0, 4.0), low=(-5.0, 3.0), high=(-3.0, 5.0),
    target="sensitivity=0.9", reached=True, threshold=0.3, abstain_low=0.25, abstain_high=0.4,
    sensitivity=0.92, specificity=0.8, ppv=0.4, alerts=0.2, abstained=0.02,
    num_positives=50, num_negatives=450, num_patients=480,
)  # fmt: skip
RECORD = StageRecord(
    recipe={"name": "tiny", "lr": 0.001}, seed=7, hardware="2 cores of a test", seconds=7200.0, watts=50.0,
    data="40 simulated studies", num_studies=40, num_patients=31, finished="2026-11-24",
)  # fmt: skip
EVALUATION = {
    "studies": 200, "scored": 199, "patients": 150,
    "means": {"auroc": {"value": 0.871, "low": 0.861, "high": 0.881}, "ece": 0.041, "ece_pooled": 0.02},
    "priority": {"high": {"value": 0.93, "low": 0.9, "high": 0.95}, "medium": None},
    "referral_means": {"auroc": {"value": 0.9, "low": None, "high": None}},
    "diagnoses": [
        {"name": DIAGNOSIS_NAMES[3], "positives": 12, "auroc": {"value": 0.8125, "low": 0.7, "high": 0.9}, "ece": 0.03,
         "average_precision": {"value": 0.4, "low": 0.3, "high": 0.5}, "reason": None},
        {"name": DIAGNOSIS_NAMES[4], "positives": 0, "auroc": None, "ece": None, "reason": "no positive study"},
    ],
    "referrals": [],
    "groups": [{"by": "subtlety", "value": "subtle", "studies": 60, "auroc": {"value": 0.7, "low": 0.6, "high": 0.8}}],
    "account": {"predictions": 200, "no_truth": ["1.2.3", "1.2.4"], "no_prediction": []},
}  # fmt: skip


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_untrained_release(tmp_path_factory.mktemp("release") / "tiny", TINY_SIZES, name="tiny", seed=1)


@pytest.fixture(scope="module")
def parts(untrained: Path) -> ReleaseParts:
    """Parts of which nothing is missing: trained, calibrated, measured."""
    found = collect([untrained], name="demo")
    config = found.heads.config
    assert isinstance(config, HeadsConfig)
    assert config.priority is not None
    levels = len(config.priority.levels)
    calibrated = replace(
        config,
        diagnoses=tuple(replace(head, calibration=CALIBRATION) for head in config.diagnoses),
        referrals=tuple(replace(head, calibration=CALIBRATION) for head in config.referrals),
        priority=replace(
            config.priority,
            calibration=PriorityCalibration(
                slope=1.0, offsets=(0.0,) * levels, num_studies=(9,) * levels, num_patients=30
            ),
        ),
    )
    return replace(
        found,
        trained=True,
        heads=replace(found.heads, config=calibrated),
        records={"tokenizer": RECORD, "clip": replace(RECORD, finished="2026-11-25"), "heads": RECORD},
        evaluation=EVALUATION,
        notes={},
    )


@pytest.fixture(scope="module")
def built(parts: ReleaseParts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_release(parts, tmp_path_factory.mktemp("built") / "demo")


def write_run(run: Path, parts: ReleaseParts) -> Path:
    """The folder that training would leave."""
    write_run_facts(run, parts.contract, parts.mode)
    for stage, part in (("tokenizer", parts.tokenizer), ("clip", parts.vision), ("heads", parts.heads)):
        write_part(run, stage, replace(part, record=parts.records[stage]))
    write_json(run / "evaluation.json", EVALUATION)
    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def by_name(folder: Path) -> dict[str, ReleaseCheck]:
    return {one.name: one for one in check_release(folder)}


def rehash(folder: Path) -> None:
    """Make the recorded hashes those of the files as they are now."""
    manifest = load_manifest(folder)
    writer = ReleaseWriter(folder=folder / "new")
    for name in manifest["files"]:
        (folder / "new" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).rename(folder / "new" / name)
        writer._record(name)
        (folder / "new" / name).rename(folder / name)
    manifest["files"] = {name: vars(record) for name, record in writer.files.items()}
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest))


def load_manifest(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / MANIFEST_FILE).read_text())
    return values


def copy(folder: Path, to: Path) -> Path:
    for name, data in contents(folder).items():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_bytes(data)
    return to


def test_what_is_built_is_what_was_given(parts: ReleaseParts, built: Path) -> None:
    release = load_release(built, verify=True)
    manifest = release.manifest
    assert (manifest.name, manifest.trained, manifest.calibrated, manifest.mode) == ("demo", True, True, parts.mode)
    assert manifest.diagnoses[5].calibration == CALIBRATION
    for file, given in ((TOKENIZER_FILE, parts.tokenizer), (VISION_FILE, parts.vision)):
        found = load_file(built / file)
        assert found.keys() == given.tensors.keys()
        assert all(torch.equal(found[name], given.tensors[name]) for name in found)
    assert manifest.provenance["stages"]["clip"]["seed"] == 7
    assert manifest.provenance["finished"] == "2026-11-25"
    assert manifest.provenance["energy_kwh"] == pytest.approx(0.3)
    assert json.loads((built / "evaluation.json").read_text())["account"]["no_truth"] == 2
    assert set(manifest.files) == set(contents(built)) - {MANIFEST_FILE}


def test_the_same_parts_give_the_same_bytes_and_a_run_folder_gives_the_same_parts(
    parts: ReleaseParts, built: Path, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "run", parts)
    again = build_release(collect([run], name="demo"), tmp_path / "again")
    assert contents(again) == contents(built)
    assert contents(build_release(collect([built], name="demo"), tmp_path / "third")) == contents(built)


def test_a_later_source_replaces_parts_and_what_was_measured_of_others(
    parts: ReleaseParts, built: Path, untrained: Path, tmp_path: Path
) -> None:
    heads = Part(config=parts.heads.config, tensors={k: v + 1 for k, v in parts.heads.tensors.items()}, record=None)
    write_part(tmp_path / "run", "heads", heads)
    found = collect([built, tmp_path / "run"], name="mixed")
    assert found.trained
    assert found.evaluation is None
    assert set(found.records) == {"tokenizer", "clip"}
    assert torch.equal(found.heads.tensors["000.0.weight"], heads.tensors["000.0.weight"])
    assert not collect([untrained, tmp_path / "run"], name="mixed").trained


def test_half_precision_weights_become_float32(parts: ReleaseParts, tmp_path: Path) -> None:
    halved = Part(
        config=parts.vision.config, tensors={k: v.bfloat16() for k, v in parts.vision.tensors.items()}, record=None
    )
    folder = build_release(replace(parts, vision=halved), tmp_path / "out")
    assert {tensor.dtype for tensor in load_file(folder / VISION_FILE).values()} == {torch.float32}


def broken(parts: ReleaseParts, stage: str, change: Callable[[dict[str, torch.Tensor]], object]) -> ReleaseParts:
    part: Part = getattr(parts, stage)
    tensors = dict(part.tensors)
    change(tensors)
    return replace(parts, **{stage: replace(part, tensors=tensors)})


@pytest.mark.parametrize(
    ("stage", "change", "words"),
    [
        ("vision", lambda t: t.pop("series_project.bias"), "clip: found 1 tensors that do not fit config.json"),
        ("vision", lambda t: t.update(odd=torch.ones(1)), r"odd is \(1,\), expected none of that name"),
        ("tokenizer", lambda t: t.update({"codebook.weight": torch.ones(2, 2)}), r"is \(2, 2\), expected \(64, 2\)"),
        ("vision", lambda t: t.update({"series_project.bias": torch.full((64,), float("nan"))}), "not finite"),
        ("heads", lambda t: t.update({"000.1.bias": torch.full((52,), float("inf"))}), "not finite"),
        ("heads", lambda t: t.update(odd=torch.ones(1)), "tensors of no network"),
        ("heads", lambda t: [t.pop(key) for key in list(t) if key.startswith("001.")], "no tensors of the network"),
        ("heads", lambda t: t.update({"000.0.weight": torch.ones(32, 7)}), "found 7 inputs, expected the study"),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_leave_nothing(parts, tmp_path, stage, change, words) -> None:
    with pytest.raises(ReleaseError, match=words):
        build_release(broken(parts, stage, change), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_probe_that_is_not_finite_leaves_nothing(parts: ReleaseParts, tmp_path: Path) -> None:
    def overflow(tensors: dict[str, torch.Tensor]) -> None:
        tensors["000.1.bias"] = torch.full((52,), 3e38)
        tensors["000.1.weight"] = torch.full((52, 32), 3e38)
        tensors["000.0.bias"] = torch.full((32,), 3e38)

    with pytest.raises(ReleaseError, match="the probe: the model's output 'cyst_arachnoid_cyst' is not finite"):
        build_release(broken(parts, "heads", overflow), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_evaluation_that_is_none_leaves_nothing(parts: ReleaseParts, tmp_path: Path) -> None:
    with pytest.raises(
        ReleaseError, match=r"evaluation\.json: found no studies, .* expected what prima evaluate writes"
    ):
        build_release(replace(parts, evaluation={"auroc": 0.99}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_part_is_named(parts: ReleaseParts, tmp_path: Path) -> None:
    write_run_facts(tmp_path / "run", PUBLISHED, "image")
    write_part(tmp_path / "run", "tokenizer", parts.tokenizer)
    with pytest.raises(ReleaseError, match="release: found no clip in run, expected"):
        collect([tmp_path / "run"], name="x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReleaseError, match="found neither a run nor a release"):
        collect([tmp_path / "empty"], name="x")


def test_a_broken_run_folder_is_named(parts: ReleaseParts, tmp_path: Path) -> None:
    folder = write_part(tmp_path / "run", "clip", parts.vision)
    (folder / "weights.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(ReleaseError, match=r"clip/weights\.safetensors: cannot be read"):
        read_part(tmp_path / "run", "clip")
    write_part(tmp_path / "run", "clip", parts.vision)
    (folder / "config.json").write_text("{")
    with pytest.raises(ReleaseError, match=r"clip/config\.json: found text that is not JSON"):
        read_part(tmp_path / "run", "clip")


def test_the_card_says_what_it_is_and_what_was_measured(built: Path) -> None:
    card = (built / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "It does not diagnose people" in card
    assert "synthetic health system" in card
    assert "demonstrates openprima and is what its regression tests hold against" in card
    assert "| mean AUROC of the diagnoses | 0.871 (0.861–0.881) |" in card
    assert "| AUROC of high priority | 0.930 (0.900–0.950) |" in card
    assert "| subtlety | subtle | 60 | 0.700 (0.600–0.800) |" in card
    assert f"| {display_name(DIAGNOSIS_NAMES[3])} | 12 | 0.812 (0.700–0.900) | 0.400 | 0.030 | 0.300 | – | – |" in card
    assert f"| {display_name(DIAGNOSIS_NAMES[4])} | 0 | – |" in card
    assert "no positive study" in card
    assert "| together | | | 6.00 | 0.300 |" in card
    assert all(f"| {diagnosis.display} |" in card for diagnosis in DIAGNOSES)
    assert "Untrained" not in card
    assert "\n\n\n" not in card


def test_the_card_of_an_untrained_release_says_so_and_claims_nothing(untrained: Path, tmp_path: Path) -> None:
    card = (build_release(collect([untrained], name="x"), tmp_path / "x") / "MODEL_CARD.md").read_text()
    assert "**Untrained.**" in card
    assert "Not calibrated" in card
    assert "## What was measured\n\nNothing." in card
    assert "synthetic" not in card


def test_a_summary_names_no_study() -> None:
    assert without_studies(EVALUATION)["account"] == {"predictions": 200, "no_truth": 2, "no_prediction": 0}
    assert without_studies({"means": {}}) == {"means": {}}


@pytest.mark.parametrize("contract", [PUBLISHED, OPEN])
def test_the_probe_study_has_foreground_and_background_under_every_contract(contract: Contract) -> None:
    for series in probe_study().series:
        patches = patches_of(series, contract)
        assert patches.plane == series.plane
        assert 25 < patches.num_kept < patches.num_patches


def test_the_probe_is_the_same_in_another_process_and_with_other_threads(built: Path) -> None:
    expected = read_probe(built / "probe.json")
    assert len(expected.logits) == len(DIAGNOSES) + len(SERVICES) + len(PRIORITIES)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert run_probe(load_release(built)) == expected
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    code = (
        "import sys; from pathlib import Path; from prima.model.packaging.probe import *; "
        "from prima.model.release.folder import *;"
        "print(run_probe(load_release(Path(sys.argv[1]))).to_text(), end='')"
    )
    told = subprocess.run([sys.executable, "-c", code, str(built)], capture_output=True, text=True, check=True)
    assert told.stdout == (built / "probe.json").read_text()


def test_the_probe_asks_every_part(parts: ReleaseParts, built: Path, tmp_path: Path) -> None:
    """A small change anywhere, in weights or contract, changes the answer."""
    release = load_release(built)
    expected = read_probe(built / "probe.json")
    names = {
        TOKENIZER_FILE: "encoder.levels.0.down.bias",
        VISION_FILE: "sequence.registers",
        "heads/000.safetensors": "0.bias",
    }
    for file, name in names.items():
        folder = copy(built, tmp_path / file.replace("/", "-"))
        tensors = load_file(folder / file)
        tensors[name] = tensors[name] + 1e-3
        save_file(tensors, folder / file)
        found = run_probe(Release(folder=folder, manifest=release.manifest, sha256=""))
        assert compare(expected, found).verdict == "other", file
    for change in ({"resampling": "separable"}, {"intensity": "divide_by_p99"}, {"foreground_percent": 60}):
        manifest = replace(release.manifest, contract=replace(release.manifest.contract, **change))
        assert compare(expected, run_probe(Release(folder=built, manifest=manifest, sha256=""))).largest > 0, change


def test_a_stated_number_of_threads_makes_another_machine_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    plain = this_machine()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert this_machine() != plain


HERE, THERE = (Machine(processor=name, capability="x", torch="2") for name in ("a", "b"))


@pytest.mark.parametrize(
    ("machine", "change", "verdict"),
    [(HERE, 0, "equal"), (THERE, 0, "equal"), (HERE, 1e-6, "other"), (THERE, 1e-6, "close"), (THERE, 2e-4, "other")],
)
def test_every_digit_counts_on_the_same_machine_type(machine: Machine, change: float, verdict: str) -> None:
    probe = Probe(
        format="x", machine=HERE, num_tokens=(3,), diagnoses={"a": 1.0, "b": 2.0}, referrals={}, priority={"none": 0.5}
    )
    found = compare(probe, replace(probe, machine=machine, diagnoses={"a": 1.0, "b": 2.0 + change}))
    assert found.verdict == verdict
    if change:
        assert found.where == "diagnosis b"
    assert compare(probe, replace(probe, machine=THERE, num_tokens=(4,))).verdict == "other"
    assert compare(probe, replace(probe, machine=THERE, diagnoses={"a": 1.0})).where == "diagnosis b"


def test_a_good_release_passes_every_check(built: Path) -> None:
    checks = by_name(built)
    assert {one.status for name, one in checks.items() if name not in ("encoder", "familiarity")} == {"ok"}
    assert (checks["familiarity"].status, checks["encoder"].status) == ("warn", "ok")  # it was given no check
    assert checks["probe"].found.endswith("logits equal to the digit, on the same machine type")
    assert checks["mode"].found == "image+names"
    flops = encoder_flops(TINY_SIZES.tokenizer, PUBLISHED)
    assert checks["encoder"].found.startswith(f"{flops / 1e9:.2f} GFLOP a token")


def test_an_altered_weight_fails_by_its_hash_and_when_rehashed_by_the_probe(built: Path, tmp_path: Path) -> None:
    folder = copy(built, tmp_path / "altered")
    tensors = load_file(folder / VISION_FILE)
    tensors["series_project.bias"] = tensors["series_project.bias"] + 1e-3
    save_file(tensors, folder / VISION_FILE)
    (only,) = check_release(folder)
    assert (only.name, only.status) == ("files", "fail")
    assert "vision.safetensors: found sha256" in only.found
    rehash(folder)
    checks = by_name(folder)
    assert checks["files"].status == "ok"
    assert checks["probe"].status == "fail"
    assert "expected none" in checks["probe"].found


def test_what_is_missing_is_told(untrained: Path) -> None:
    (untrained / "odd.bin").write_bytes(b"x")
    checks = by_name(untrained)
    (untrained / "odd.bin").unlink()
    told = {name: one.found for name, one in checks.items() if one.status == "warn"}
    assert told["nothing else"] == "files that it does not name: odd.bin"
    assert told["trained"] == "no: its numbers mean nothing"
    assert "prima calibrate mends it" in told["calibration"]
    assert told["probe"] == "it answers, and has no probe.json to compare with"
    assert told["thresholds"] == "on logits, at 0"


def test_the_order_of_the_labels_is_that_of_the_ontology(parts: ReleaseParts, tmp_path: Path) -> None:
    config = parts.heads.config
    assert isinstance(config, HeadsConfig)
    assert config.priority is not None
    changed = replace(
        config,
        diagnoses=tuple(reversed(config.diagnoses)),
        referrals=config.referrals[1:],
        priority=replace(config.priority, levels=("low", "none", "medium", "high")),
    )
    folder = build_release(replace(parts, heads=replace(parts.heads, config=changed)), tmp_path / "x")
    checks = by_name(folder)
    assert (checks["diagnoses"].status, checks["diagnoses"].found) == ("fail", "52, in another order")
    assert checks["referrals"].status == "warn"
    assert checks["referrals"].found.endswith(f"without {config.referrals[0].name}")
    assert checks["priority"].status == "fail"


def test_a_large_release_and_weak_thresholds_are_flagged(parts, built, tmp_path, monkeypatch) -> None:
    config = parts.heads.config
    weak = replace(CALIBRATION, num_positives=2, reached=False)
    changed = replace(config, diagnoses=(replace(config.diagnoses[0], calibration=weak), *config.diagnoses[1:]))
    folder = build_release(replace(parts, heads=replace(parts.heads, config=changed)), tmp_path / "x")
    monkeypatch.setattr("prima.model.packaging.check.SMALL_BYTES", 1000)
    checks = by_name(folder)
    assert checks["size"].status == "warn"
    assert "1 rest on few positives: cyst_arachnoid_cyst; 1 miss their target" in checks["thresholds"].found
    assert "threshold from 2 positive studies; sensitivity=0.9 not reached" in (folder / "MODEL_CARD.md").read_text()


def test_on_another_machine_type_the_tolerance_is_named(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "this_machine", lambda: THERE)
    found = by_name(built)["probe"].found
    assert "logits equal to the digit, on another machine type" in found
    run = probe_module.run_probe

    def a_little_off(release: Release) -> Probe:
        probe = run(release)
        return replace(probe, diagnoses={name: value + 1e-6 for name, value in probe.diagnoses.items()})

    monkeypatch.setattr("prima.model.packaging.check.run_probe", a_little_off)
    probe = by_name(built)["probe"]
    assert probe.status == "ok"
    assert "within 0.0001" in probe.found


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("openprima/release/1", "written by an older openprima; build or convert the release again"),
        ("openprima/release/99", "written by a newer openprima; install that one"),
        ("something", "it is no release.json of openprima"),
        (None, "it is no release.json of openprima"),
    ],
)
def test_another_format_is_told_with_its_remedy(built: Path, tmp_path: Path, form: str | None, words: str) -> None:
    folder = copy(built, tmp_path / "x")
    (folder / MANIFEST_FILE).write_text(json.dumps(load_manifest(folder) | {"format": form}))
    with pytest.raises(ReleaseError, match=f"expected '{FORMAT}'; .*{words}"):
        load_release(folder)


@pytest.mark.parametrize(
    ("config", "contract"),
    [
        (VQVAEConfig(), PUBLISHED),
        (TINY_SIZES.tokenizer, PUBLISHED),
        (VQVAEConfig(channels=(32, 64), residual_channels=(16, 32), code_dim=4, flat_slices=2), OPEN),
    ],
)
def test_the_cost_of_the_encoder_is_what_a_counter_counts(config: VQVAEConfig, contract: Contract) -> None:
    encoder = Encoder(config).eval().to("meta")
    with FlopCounterMode(display=False) as counter:
        encoder(torch.empty(1, 1, *contract.encoder_shape("axial"), device="meta"))
    assert encoder_flops(config, contract) == counter.get_total_flops()


def test_a_release_that_is_calibrated_anew_answers_the_probe_and_claims_no_old_measurement(
    built: Path, tmp_path: Path
) -> None:
    """Fewer heads and other thresholds: neither the old answer nor the old numbers may travel."""
    random = np.random.default_rng(0)
    release = load_release(built)
    names = tuple(head.name for head in release.manifest.diagnoses)
    present = random.random((60, len(names))) < 0.4
    logits = HeadLogits(
        diagnoses=(present * 2.0 + random.normal(size=present.shape)).astype(np.float32),
        referrals=random.normal(size=(60, len(release.manifest.referrals))).astype(np.float32),
        priority=None,
        diagnosis_names=names,
        referral_names=tuple(head.name for head in release.manifest.referrals),
    )
    known = present.astype(np.float32)
    known[:, 10:] = np.nan
    labels = HeadLabels(
        patients=tuple(map(str, range(60))),
        diagnoses=known,
        referrals=np.full((60, len(release.manifest.referrals)), np.nan, np.float32),
        priority=np.full(60, -1),
        referral_names=logits.referral_names,
    )
    folder, _ = calibrate_release(release, logits, labels, "sensitivity=0.9", tmp_path / "new")
    checks = by_name(folder)
    assert checks["probe"].status == "ok"
    assert "evaluation.json" not in load_release(folder).manifest.files
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "0.871" not in card
    assert "## What was measured\n\nNothing." in card
    assert "## Calibration" in card


def test_provenance_hashes_what_is_executed() -> None:
    source = Path(build.__file__).read_text()
    words = source.replace("import ast", "import ast  # x").replace('"""A hash of', '"""Of which code: a hash of')
    assert words != source
    assert build.executed_code(words) == build.executed_code(source)
    assert build.executed_code(source.replace('"files", "study"', '"study"')) != build.executed_code(source)
