"""The Python of the documentation runs, page by page, and uses public names alone."""

from __future__ import annotations

import importlib
import json
import re
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Shows how parts fit together; a run whose three stages are trained takes minutes (tests/e2e builds such a release).
NOT_RUN = {"release.md"}


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


WITH_PYTHON = [page for page in PAGES if blocks(page)]


def for_engine() -> dict[str, Any]:
    from .train.engine.dummy_task import DummyTask

    return {"task": DummyTask()}


def for_tokens() -> dict[str, Any]:
    from prima.model.engine import load_release
    from prima.model.packaging.probe_study import probe_study
    from prima.tokens import write_shard

    release = load_release(dtype="float32", keep_all=True)
    folder = Path("ARCHIVE/tokens/588fee3d5e82")
    folder.mkdir(parents=True)
    write_shard(folder / "shard.tokens", [("2.25.1", release.tokens(release.prepare(probe_study())))], {})
    return {}


def for_evaluation() -> dict[str, Any]:
    random = np.random.default_rng(0)
    labels = random.random((200, 2)) < 0.3
    probabilities = np.clip(0.4 * labels + 0.6 * random.random((200, 2)), 0.01, 0.99)
    patients = tuple(f"P{index // 2}" for index in range(200))
    names = ("tumor_adult_glioma", "structural_edema")
    return {"names": names, "probabilities": probabilities, "labels": labels.astype(float), "patients": patients}


def for_heads() -> dict[str, Any]:
    from prima.model.release.folder import load_release
    from prima.model.release.untrained import TINY_SIZES, write_untrained_release
    from prima.study.ontology import DIAGNOSIS_NAMES, SERVICES
    from prima.train import HeadData, HeadLabels

    release = load_release(write_untrained_release(Path("release"), TINY_SIZES, name="tiny"))
    random = np.random.default_rng(0)
    num, width = 60, release.manifest.vision.feature_dim

    def table(columns: int) -> Any:
        return (random.random((num, columns)) < 0.4).astype(np.float32)

    features = random.standard_normal((num, width), dtype=np.float32)
    patients = tuple(f"P{index}" for index in range(num))
    values = {
        "patients": patients,
        "diagnoses": table(len(DIAGNOSIS_NAMES)),
        "referrals": table(len(SERVICES)),
        "priority": random.integers(0, 4, num),
    }
    others = HeadLabels(**(values | {"patients": tuple(f"Q{index}" for index in range(num))}))
    validation = HeadData(features=features, labels=others)
    return {**values, "features": features, "validation": validation, "release": release, "out": Path("retrained")}


def for_findings() -> dict[str, Any]:
    from prima.model.engine import load_release
    from prima.model.packaging.probe_study import probe_study

    folder = Path("out/1.2.3")
    folder.mkdir(parents=True)
    findings = load_release(dtype="float32", keep_all=True).predict(probe_study())
    (folder / "findings.json").write_text(json.dumps(findings.to_dict()))
    return {}


def for_gate() -> dict[str, Any]:
    from prima.model.packaging.probe_study import probe_study

    return {"study": probe_study(), "series": probe_study().series[0]}


def for_embeddings() -> dict[str, Any]:
    import polars as pl

    folder = Path("ARCHIVE/embeddings/de843cba1de0")
    folder.mkdir(parents=True)
    feature = pl.Series("feature", [[1.0, 2.0]], dtype=pl.Array(pl.Float32, 2))
    pl.DataFrame({"status": ["done"], "feature": feature}).write_parquet(folder / "studies.parquet")
    return {}


# What a page speaks of as given.
GIVEN: dict[str, Callable[[], dict[str, Any]]] = {
    "training-engine.md": for_engine,
    "tokens.md": for_tokens,
    "evaluation.md": for_evaluation,
    "heads-and-calibration.md": for_heads,
    "findings.md": for_findings,
    "input-gate.md": for_gate,
    "embeddings.md": for_embeddings,
}


@pytest.mark.parametrize("page", [page for page in WITH_PYTHON if page.name not in NOT_RUN], ids=lambda page: page.stem)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": page.stem, **GIVEN.get(page.name, dict)()}
    for number, block in enumerate(blocks(page), 1):
        exec(compile(block, f"{page.name}, block {number}", "exec"), names)


def test_only_known_pages_are_not_run() -> None:
    assert {page.name for page in WITH_PYTHON} >= NOT_RUN | GIVEN.keys()


def exported(name: str) -> bool:
    """Whether a dotted name is a module, or leads to an exported name of one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        if length < len(parts) and isinstance(value, types.ModuleType):
            first = parts[length]
            if first not in getattr(value, "__all__", ()) and not hasattr(value, first):
                return False
        for part in parts[length:]:
            if not hasattr(value, part):
                return False
            value = getattr(value, part)
        return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_name_that_a_page_gives_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    names = set(re.findall(r"`(prima(?:\.\w+)+)(?:\([^`]*\))?`", text))
    assert not {name for name in names if not exported(name)}


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.stem)
def test_pages_import_exported_names_alone(page: Path) -> None:
    for block in blocks(page):
        for module, names in re.findall(r"^from (prima[\w.]*) import ([\w, ]+)$", block, flags=re.MULTILINE):
            public = importlib.import_module(module).__all__
            assert not [name for name in names.replace(" ", "").split(",") if name not in public], module


@pytest.mark.parametrize("room", sorted(path.parent.name for path in (ROOT / "src" / "prima").glob("*/__init__.py")))
def test_every_exported_name_is_there(room: str) -> None:
    module = importlib.import_module(f"prima.{room}")
    assert not [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)]
