"""`prima phantom` writes a study that can be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread

from prima.cli import main as cli


def test_the_same_seed_gives_the_same_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("first", "second"):
        assert cli.run(["phantom", str(tmp_path / name), "--seed", "3"]) == 0
    assert "wrote a made-up study" in capsys.readouterr().out
    files = [path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("*.dcm")]
    assert files
    for name in files[::20]:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_without_a_lesion_the_pixels_differ(tmp_path: Path) -> None:
    assert cli.run(["phantom", str(tmp_path / "with")]) == 0
    assert cli.run(["phantom", str(tmp_path / "without"), "--no-lesion"]) == 0
    names = [path.relative_to(tmp_path / "with") for path in tmp_path.glob("with/**/*.dcm")]
    pixels = [[dcmread(tmp_path / kind / name).PixelData for name in names] for kind in ("with", "without")]
    assert pixels[0] != pixels[1]
