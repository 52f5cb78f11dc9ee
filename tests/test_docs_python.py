"""The Python of the documentation runs, page by page, and uses public names alone."""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


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


def for_release() -> dict[str, Any]:
    from prima.model import StageRecord, collect, write_part
    from prima.model.release.folder import load_release
    from prima.model.release.untrained import TINY_SIZES, write_untrained_release

    source = write_untrained_release(Path("untrained"), TINY_SIZES, name="tiny")
    parts, run = collect([source], name="tiny"), Path("run")
    write_part(run, "tokenizer", parts.tokenizer)
    write_part(run, "heads", parts.heads)
    record = StageRecord(
        recipe={"name": "tiny"}, seed=1, hardware="a test", seconds=1.0, watts=1.0, data="none", num_studies=0,
        num_patients=0, finished="2026-11-29",
    )  # fmt: skip
    vision = load_release(source).vision()
    return {"run": run, "contract": parts.contract, "vision": vision, "record": record, "folder": Path("built")}


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
    "release.md": for_release,
    "findings.md": for_findings,
    "input-gate.md": for_gate,
    "embeddings.md": for_embeddings,
}


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.stem)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": page.stem, **GIVEN.get(page.name, dict)()}
    for index, block in enumerate(blocks(page), 1):
        exec(compile(block, f"{page.name}, block {index}", "exec"), names)


def test_every_page_that_something_is_given_to_has_python() -> None:
    assert {page.name for page in WITH_PYTHON} >= GIVEN.keys()


def is_public(name: str) -> bool:
    """Whether a dotted name is `prima`, a room, a package inside one, or leads to a name that one of these exports."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        if length > 2 and not hasattr(module, "__path__"):
            return False  # a module inside a room may move
        value: Any = module
        for part in parts[length:]:
            if not hasattr(value, part):
                return False
            value = getattr(value, part)
        return length == len(parts) or parts[length] in getattr(module, "__all__", vars(module))
    return False


@pytest.mark.parametrize(
    ("name", "public"),
    [
        ("prima", True),
        ("prima.read_study", True),
        ("prima.errors.PrimaError", True),
        ("prima.model.Engine.predict", True),
        ("prima.simulate.negatives.negatives", True),
        ("prima.model.engine.engine", False),
        ("prima.model.engine.engine.Engine", False),
        ("prima.model.Engine.forget", False),
        ("prima.model.import_module", False),
        ("prima.read_studies", False),
        ("prima.nothing", False),
    ],
)
def test_what_a_public_name_is(name: str, public: bool) -> None:
    assert is_public(name) == public


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_give_public_names_alone(page: Path) -> None:
    names = set(re.findall(r"\bprima(?:\.[A-Za-z_]\w*)+", page.read_text(encoding="utf-8")))
    assert not {name for name in names if not is_public(name)}


def imported(code: str) -> Iterator[str]:
    """Dotted names that a program imports from `prima`."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "prima")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "prima":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_what_a_program_imports() -> None:
    code = "import re\nimport prima.a\nfrom prima import b\nif b:\n    from prima.c import (\n  d as e,\n  g)"
    assert sorted(imported(code)) == ["prima.a", "prima.b", "prima.c.d", "prima.c.g"]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.stem)
def test_pages_import_public_names_alone(page: Path) -> None:
    assert not [name for block in blocks(page) for name in imported(block) if not is_public(name)]


PACKAGES = sorted(path.parent for path in (ROOT / "src" / "prima").rglob("__init__.py"))


@pytest.mark.parametrize("package", [".".join(path.relative_to(ROOT / "src").parts) for path in PACKAGES])
def test_every_exported_name_is_there(package: str) -> None:
    module = importlib.import_module(package)
    assert not [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)]
