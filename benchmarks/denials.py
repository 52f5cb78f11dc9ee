"""Scores the rule labeller on sentences of denial and doubt: `python benchmarks/denials.py tests/report/denials_1.txt`.

A line is `text | diagnosis=assertions …`; where either of two assertions is right, both letters stand ("au"), and "-"
where nothing is said of the patient ("family history of glioma"). F1 is over pairs of diagnosis and assertion: a pair
that is not said is wrong, one that is not found is missed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

from prima.report.label import RuleLabeller
from prima.study.ontology import DIAGNOSIS_NAMES, IMPLICATIONS

LETTERS = {"present": "p", "absent": "a", "uncertain": "u", "historical": "h"}


@dataclass
class DenialScore:
    """Counts over a file.

    Args:
        right, wrong, missed: pairs of diagnosis and assertion.
        present: sentences in which something is found present that is denied or doubted.
        errors: one line each.
    """

    right: int = 0
    wrong: int = 0
    missed: int = 0
    present: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def f1(self) -> float:
        """F1 of pairs."""
        return 2 * self.right / (2 * self.right + self.wrong + self.missed)


def sentences(path: Path) -> list[tuple[str, dict[str, str]]]:
    """(text, released name → letters) of each line."""
    rows = []
    for line in path.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            text, expected = line.rsplit(" | ", 1)
            pairs = (pair.split("=") for pair in expected.split())
            labels = {full_name(short): letters for short, letters in pairs}
            rows.append((text.strip().replace("\\n", "\n").replace("\\t", "\t"), labels))
    return rows


def full_name(short: str) -> str:
    """The released name that ends with, or holds, a short one."""
    ending = [name for name in DIAGNOSIS_NAMES if name.endswith(f"_{short}")]
    return min(ending or [name for name in DIAGNOSIS_NAMES if short in name], key=len)


def score(path: Path) -> DenialScore:
    """The score of the rules on a file; what the ontology implies of a stated diagnosis is neither right nor wrong."""
    labeller, result = RuleLabeller(), DenialScore()
    for text, stated in sentences(path):
        expected = {name: letters for name, letters in stated.items() if letters != "-"}
        labels = labeller.label(text).labels
        found = {name: LETTERS[label.assertion] for name, label in labels.items() if label.assertion in LETTERS}
        implied = {rule.consequence for rule in IMPLICATIONS for name in expected if rule.premise == name}
        found = {name: letter for name, letter in found.items() if name in expected or name not in implied}
        right = {name for name in expected if found.get(name, "-") in expected[name]}
        result.right += len(right)
        result.wrong += len(found.keys() - right)
        result.missed += len(expected.keys() - right)
        result.present += any(letter == "p" and "p" not in expected.get(name, "") for name, letter in found.items())
        if right != expected.keys() or found.keys() - right:
            result.errors.append(f"{text!r}: expected {expected}, found {found}")
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--errors", action="store_true")
    options = parser.parse_args()
    for path in options.files:
        result = score(path)
        print(
            f"{RuleLabeller().version} on {path.name}: F1 {result.f1:.4f} ({result.right} right, {result.wrong} wrong, "
            f"{result.missed} missed); denied or doubted and found present: {result.present}"
        )
        if options.errors:
            print("\n".join(result.errors))


if __name__ == "__main__":
    main()
