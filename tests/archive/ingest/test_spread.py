"""Ingest on several processes and on Ray: the same files and rows as one process makes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from prima.archive.ingest import ingest as module
from prima.archive.ingest.folder import folder_instances
from prima.archive.ingest.ingest import ingest_instances
from prima.archive.store.layout import Archive
from prima.archive.store.outcome import IngestOutcome
from prima.archive.store.schema import TABLES
from prima.archive.store.tables import parts
from prima.files.spread import Spread

Contents = Callable[[Archive], dict[str, Any]]


@pytest.fixture
def untidy(export: Any) -> Any:
    """Studies, a bad file, UIDs taken twice in one batch and in two, cut files, and instances that come again."""
    for study in range(1, 6):
        export.study(study, num_slices=3)
    first = export.image("1/1/IM0", study=1, value=9)
    shutil.copy(first, export.folder / "1/1/IM00")
    export.image("z/other", study=2, value=9)
    export.image("z/same", study=2)
    export.image("z/renamed", study=3, SeriesDescription="renamed by the PACS")
    whole = export.image("0/cut", study=9)
    shutil.copy(whole, export.folder / "z/whole")
    whole.write_bytes(whole.read_bytes()[:-8])
    (export.folder / "z/empty.dcm").touch()
    (export.folder / "z/notes").write_text("call the ward")
    export.image("z/nameless", SeriesInstanceUID=None)
    return export


def rows_by_part(archive: Archive) -> dict[str, list[Any]]:
    """Every part of the catalogue, row by row in its order, without the moment."""
    return {
        f"{name}/{path.name}": pl.read_parquet(path).drop("received_at", strict=False).rows()
        for name in TABLES
        for path in parts(archive, name)
    }


def test_the_same_archive_from_several_processes(
    tmp_path: Path, untidy: Any, contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STAGED_TOGETHER", 4)
    alone, together = (Archive.open_or_make(tmp_path / name) for name in ("alone", "together"))
    for _ in range(2):  # and again
        expected = ingest_instances(alone, folder_instances(untidy.folder), "export")
        with Spread(processes=2) as spread:
            found = ingest_instances(together, folder_instances(untidy.folder), "export", spread=spread)
        assert found == expected
        assert contents(together) == contents(alone)
        assert rows_by_part(together) == rows_by_part(alone)
    assert expected[IngestOutcome.KNOWN] > 30


def test_the_same_archive_and_the_same_copy_without_identities_on_ray(
    tmp_path: Path, untidy: Any, contents: Contents
) -> None:
    pytest.importorskip("ray")
    for name, more in (("alone", ()), ("on_ray", ("--ray", "local", "--workers", "2"))):
        for verb in (
            ("ingest", str(untidy.folder), name),
            ("deidentify", name, f"{name}_clean", "--key", "key", *(("--make-key",) if name == "alone" else ())),
        ):
            done = subprocess.run(
                [sys.executable, "-m", "prima", *verb, *more], cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode == (verb[0] == "ingest"), done.stderr
            assert "Traceback" not in done.stderr
    for kind in ("", "_clean"):
        one, other = (Archive.open(tmp_path / f"{name}{kind}") for name in ("alone", "on_ray"))
        assert contents(one) == contents(other)
        assert rows_by_part(one) == rows_by_part(other)


def test_a_relative_archive_is_found_by_other_processes(
    tmp_path: Path, export: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    export.study(1)
    monkeypatch.chdir(tmp_path)
    with Spread(processes=2) as spread:
        archive = Archive.open_or_make(Path("here"))
        counts = ingest_instances(archive, folder_instances(Path("export")), "export", spread=spread)
    assert counts[IngestOutcome.STORED] == 8
    assert not list(archive.incoming.iterdir())
