"""`prima doctor`: each check, and what the exit status says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prima.cli import main as cli
from prima.tokens.precision import choose_precision
from prima.workflow.doctor import codecs, compute, machine
from prima.workflow.doctor.check import Check

NAMES = {
    *("python", "torch", "threads", "device", "dtype", "release", "nibabel", "SimpleITK", "memory"),
    *("disk here", "disk temporary", "codec JPEG lossless", "codec JPEG-LS", "codec JPEG 2000", "codec RLE"),
    *(f"extra {name}" for name in ("archive", "evaluate", "ray", "simulate", "train")),
}


def _good_release() -> Check:
    return Check(name="release", status="ok", found="a release")


@pytest.fixture
def with_release(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = [check for check in machine.WITH_TORCH if check is not machine.check_release]
    monkeypatch.setattr(machine, "WITH_TORCH", (*checks, _good_release))


@pytest.mark.usefixtures("with_release")
def test_json_names_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["doctor", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["usable"] is True
    assert {check["name"] for check in result["checks"]} == NAMES
    for check in result["checks"]:
        assert check["status"] in {"ok", "warn"}
        assert (check["remedy"] is None) == (check["status"] == "ok")


def test_an_extra_that_is_absent_names_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_is_installed", lambda name: name != "ray")
    by_name = {check.name: check for check in machine.check_extras()}
    ray = by_name["extra ray"]
    assert (ray.status, ray.found, ray.remedy) == ("ok", "not installed: ray", "pip install 'openprima[ray]'")
    assert (by_name["extra train"].found, by_name["extra train"].remedy) == (
        "installed: tokenizers, transformers",
        None,
    )


@pytest.mark.usefixtures("with_release")
def test_text_says_the_status_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok    python")
    assert lines[-1] == "prima predict can run here."


def test_a_failed_check_is_status_3_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Check(name="torch", status="fail", found="cannot be imported", remedy="pip install 'torch>=2.8'")
    monkeypatch.setattr(machine, "check_torch", lambda: broken)
    assert cli.run(["doctor"]) == 3
    output = capsys.readouterr().out
    assert "fail  torch" in output
    assert "-> pip install 'torch>=2.8'" in output


@pytest.mark.parametrize("sample", codecs.SAMPLES, ids=[sample[0] for sample in codecs.SAMPLES])
def test_every_codec_decodes(sample: tuple[str, str, str]) -> None:
    (check,) = [check for check in codecs.check_codecs() if check.name == f"codec {sample[0]}"]
    assert (check.status, check.found) == ("ok", "decodes to the exact pixels")


def test_a_codec_that_fails_is_a_warning_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "SAMPLES", (("JPEG-LS", "1.2.840.10008.1.2.4.80", "AAAA"),))
    (check,) = codecs.check_codecs()
    assert check.status == "warn"
    assert check.remedy is not None
    assert "python-gdcm" in check.remedy


def test_wrong_pixels_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "sample_image", lambda: 0)
    assert {check.found for check in codecs.check_codecs()} == {"decodes to wrong pixels"}


@pytest.mark.parametrize(
    ("flags", "units"),
    [
        ("fpu avx2", ()),
        ("fpu avx512_bf16", ("AVX512_BF16",)),
        ("amx_bf16 avx512_bf16", ("AMX", "AVX512_BF16")),
        ("", ()),
    ],
)
def test_the_processor_is_named_with_its_units(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: str, units: tuple[str, ...]
) -> None:
    facts = tmp_path / "cpuinfo"
    facts.write_text(f"processor\t: 0\nmodel name\t: A processor\nflags\t\t: {flags}\n\nprocessor\t: 1\n")
    monkeypatch.setattr(compute, "CPU_FACTS", facts)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    found = compute.find_compute()
    assert (found.device, found.name, found.bf16_units) == ("cpu", "A processor", units)


def test_dtype_is_the_one_that_predict_takes() -> None:
    precision = choose_precision()
    assert machine.check_dtype().found.startswith(f"auto takes {str(precision.dtype).removeprefix('torch.')}: ")


def test_a_gpu_that_torch_cannot_use_is_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    driver = tmp_path / "version"
    driver.touch()
    monkeypatch.setattr(compute, "NVIDIA_DRIVER", driver)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    check = machine.check_device()
    assert check.status == "warn"
    assert check.remedy is not None


@pytest.mark.parametrize(
    ("most", "current", "available_gib"), [("max", 0, 8.0), (3 * 2**30, 2**30, 2.0), (64 * 2**30, 0, 8.0)]
)
def test_memory_heeds_the_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, most: str | int, current: int, available_gib: float
) -> None:
    (tmp_path / "meminfo").write_text(f"MemTotal: 99 kB\nMemAvailable: {8 * 2**20} kB\n")
    (tmp_path / "memory.max").write_text(f"{most}\n")
    (tmp_path / "memory.current").write_text(f"{current}\n")
    monkeypatch.setattr(machine, "MEMORY_FACTS", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    assert machine.available_memory_gib() == available_gib
    assert machine.check_memory().status == ("ok" if available_gib >= 4 else "warn")


def test_little_disk_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 2**20}))
    assert [check.status for check in machine.check_disk()] == ["warn", "warn"]


def test_an_altered_packaged_release_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("prima.model.release.folder.packaged_release", lambda: tmp_path)
    check = machine.check_release()
    assert check.status == "fail"
    assert check.remedy is not None
