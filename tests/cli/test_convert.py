"""`prima convert`: its exit statuses, what it says, and that its release can be predicted with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prima.cli import main as cli
from prima.model.release.folder import load_release


@pytest.fixture
def checkpoints(shared: Path) -> Path:
    return shared / "data" / "golden" / "ckpt"


def test_the_published_form(checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "release"
    arguments = [str(checkpoints / "full.pt"), str(checkpoints / "vqvae.pth"), str(out)]
    assert cli.run(["convert", *arguments, "--name", "golden"]) == 0
    output = capsys.readouterr()
    assert output.out == f"release written: {out}\n"
    assert output.err == ""
    manifest = load_release(out, verify=True).manifest
    assert (manifest.name, manifest.trained, manifest.calibrated) == ("golden", True, False)
    assert (len(manifest.diagnoses), len(manifest.referrals)) == (52, 8)
    assert json.loads((out / "release.json").read_text(encoding="utf-8"))["provenance"]["files"] == {
        "model": "full.pt",
        "tokenizer": "vqvae.pth",
    }
    assert cli.run(["convert", *arguments]) == 3
    assert "expected a new or empty folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be opened"),
        (b"", "not a torch checkpoint"),
        (b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.", "not a torch checkpoint"),
        (b"PK\x03\x04 and no more", "model.pt: "),
    ],
)
def test_a_file_that_is_no_checkpoint_is_one_line_and_status_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, message: str
) -> None:
    path = tmp_path / "model.pt"
    if content is not None:
        path.write_bytes(content)
    assert cli.run(["convert", str(path), str(path), str(tmp_path / "release")]) == 3
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("prima: ") and output.err.count("\n") == 1 and message in output.err
    assert not (tmp_path / "release").exists()


def test_wrong_usage_is_status_2(tmp_path: Path) -> None:
    assert cli.run(["convert"]) == 2
    assert cli.run(["convert", str(tmp_path)]) == 2
