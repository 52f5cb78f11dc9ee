"""`prima release build` and `prima release check` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prima.cli.main import run
from prima.model.release.folder import load_release
from prima.model.release.untrained import TINY_SIZES, write_untrained_release


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_untrained_release(tmp_path_factory.mktemp("release") / "tiny", TINY_SIZES, name="tiny", seed=1)


def test_build_then_check(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "second"
    assert run(["release", "build", str(source), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"release written: {out}\n"
    assert load_release(out).manifest.name == "second"
    assert run(["release", "check", str(out)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["ok", "files"] in [line[:2] for line in lines]
    assert any(line[:2] == ["ok", "probe"] and "digit," in line for line in lines)
    assert any(line[:2] == ["warn", "trained"] for line in lines)
    assert run(["release", "check", str(out), "--strict"]) == 3


def test_check_as_json_and_a_flipped_bit(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "x"
    assert run(["release", "build", str(source), "--out", str(out), "--name", "other"]) == 0
    capsys.readouterr()
    assert run(["release", "check", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"]
    assert {one["status"] for one in told["checks"]} == {"ok", "warn"}
    path = out / "probe.json"
    path.write_bytes(path.read_bytes().replace(b"7", b"8", 1))
    assert run(["release", "check", str(out), "--json"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert not told["ok"]
    assert "probe.json: found sha256" in told["checks"][0]["found"]


def test_what_cannot_be_built_is_one_line(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["release", "build", str(tmp_path), "--out", str(tmp_path / "out")]) == 3
    assert "found neither a run nor a release" in capsys.readouterr().err
    assert run(["release", "build", str(source), "--out", str(source)]) == 3
    assert "expected a new or empty folder" in capsys.readouterr().err
    (tmp_path / "evaluation.json").write_text('{"auroc": 1}')
    given = ["--evaluation", str(tmp_path / "evaluation.json"), "--out", str(tmp_path / "out")]
    assert run(["release", "build", str(source), *given]) == 3
    assert "expected what prima evaluate writes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert run(["release", "check", str(tmp_path)]) == 3
    assert run(["release", "build", str(source)]) == 2
