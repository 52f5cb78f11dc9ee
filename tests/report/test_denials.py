"""Sentences of denial and doubt: nothing in them that is denied or doubted may be present."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
# The rules were mended after these; the fifth set is never read for them, and only measured.
SETS = [HERE / f"denials_{index}.txt" for index in (1, 2, 3, 4, 6, 7, 8)]
LETTERS = {"present": "p", "absent": "a", "uncertain": "u", "historical": "h"}
FILLED_WITH = {
    "hydrocephalus": "ventricular_ventriculomegaly",
    "subdural hematoma": "trauma_subdural_hematoma",
    "lymphoma": "tumor_adult_lymphoma",
    "meningioma": "tumor_adult_meningioma",
    "encephalitis": "infectious_viral_encephalitis",
}
FRAMES = [
    tuple(line.rsplit(" | ", 1))
    for line in (HERE / "denial_frames.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]


@pytest.fixture(scope="module")
def denials() -> ModuleType:
    path = HERE.parents[1] / "benchmarks" / "denials.py"
    spec = importlib.util.spec_from_file_location("denials", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["denials"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_what_is_denied_or_doubted_is_never_present(denials: ModuleType, path: Path) -> None:
    from prima.report.label import RuleLabeller

    labeller = RuleLabeller()
    rows = denials.sentences(path)
    assert len(rows) in (39, 40, 80, 91)
    for text, expected in rows:
        found = labeller.label(text).labels
        doubted = [name for name, letters in expected.items() if "p" not in letters]
        assert not [name for name in doubted if name in found and found[name].assertion == "present"], text


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_the_assertions_of_the_sets(denials: ModuleType, path: Path) -> None:
    assert denials.score(path).f1 >= 0.95


@pytest.mark.parametrize(("frame", "letters"), FRAMES)
def test_a_frame_says_the_same_of_every_diagnosis(frame: str, letters: str) -> None:
    from prima.report.label import RuleLabeller

    labeller = RuleLabeller()
    for words, name in FILLED_WITH.items():
        text = frame.replace("{x}", words)
        label = labeller.label(text[0].upper() + text[1:]).labels.get(name)
        assert LETTERS.get(label.assertion if label else "", "-") in letters, text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("less likely to represent abscess than tumor", {"infectious_brain_abscess": "uncertain"}),
        ("Abscess is less likely than tumor.", {"infectious_brain_abscess": "uncertain"}),
        ("Tumor is more likely than abscess.", {"infectious_brain_abscess": "uncertain"}),
        (
            "Meningioma ranks below schwannoma.",
            {"tumor_adult_meningioma": "uncertain", "tumor_adult_schwannoma": "present"},
        ),
        ("The cyst lies behind the meningioma.", {"tumor_adult_meningioma": "present"}),
        (
            "The shunt points away from the meningioma.",
            {"surgical_catheter": "present", "tumor_adult_meningioma": "present"},
        ),
        (
            "Of abscess and lymphoma, the latter is favored.",
            {"infectious_brain_abscess": "uncertain", "tumor_adult_lymphoma": "present"},
        ),
        ("Hemorrhage? none.", {"vascular_hemorrhagic_intracranial_hemorrhage": "absent"}),
        ("Q: Hemorrhage?\nA: No.", {"vascular_hemorrhagic_intracranial_hemorrhage": "absent"}),
        ("Hemorrhage: [ ] yes [x] no", {"vascular_hemorrhagic_intracranial_hemorrhage": "absent"}),
        ("Rule out hemorrhage. None seen.", {"vascular_hemorrhagic_intracranial_hemorrhage": "absent"}),
        ("Hemorrhage\tNone", {"vascular_hemorrhagic_intracranial_hemorrhage": "absent"}),
        ("Abscess? Yes, 2 cm.", {"infectious_brain_abscess": "present"}),
    ],
)
def test_comparisons_and_answers(text: str, expected: dict[str, str]) -> None:
    from prima.report.label import RuleLabeller

    assert {name: label.assertion for name, label in RuleLabeller().label(text).labels.items()} == expected
