"""Scores the rule labeller: made-up reports of writers it was not made on, hand-written sentences, and its rate.

python benchmarks/labeller.py [--writers dev|heldout] [--reports N] [--seed S] [--sentences FILE.jsonl] [--errors N]

`--sentences` scores a file of {"id", "text", "labels": {diagnosis: assertion}} instead of made-up reports. `--errors`
lists so many errors of each kind.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from prima.report.label import RuleLabeller
from prima.report.labels import Labels
from prima.study.ontology import DIAGNOSIS_NAMES


@dataclass
class Case:
    """A text and what it says: diagnosis → assertion."""

    name: str
    text: str
    said: dict[str, str]


@dataclass
class Score:
    """Counts of one comparison; `pairs` counts (said, found), "" for nothing."""

    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)

    def add(self, said: dict[str, str], found: dict[str, str]) -> list[tuple[str, str, str]]:
        """Count one text; its errors as (diagnosis, said, found)."""
        errors = []
        for name in DIAGNOSIS_NAMES:
            one, other = said.get(name, ""), found.get(name, "")
            if not (one or other):
                continue
            self.pairs[one, other] += 1
            self.right[name] += one == other == "present"
            self.wrong[name] += other == "present" != one
            self.missed[name] += one == "present" != other
            if one != other:
                errors.append((name, one, other))
        return errors

    def f1(self, names: tuple[str, ...]) -> float | None:
        """F1 of present over some diagnoses together; None when none was said or found."""
        right, wrong, missed = (sum(part[name] for name in names) for part in (self.right, self.wrong, self.missed))
        return 2 * right / (2 * right + wrong + missed) if right + wrong + missed else None

    def report(self) -> str:
        """The numbers as lines of Markdown."""
        each = {name: score for name in DIAGNOSIS_NAMES if (score := self.f1((name,))) is not None}
        right, wrong, missed = (sum(part.values()) for part in (self.right, self.wrong, self.missed))
        stated = sum(count for (said, _), count in self.pairs.items() if said)
        same = sum(count for (said, found), count in self.pairs.items() if said and said == found)
        worst = sorted(each.items(), key=lambda item: item[1])[:8]
        lines = [
            f"- micro F1 of present {self.f1(DIAGNOSIS_NAMES) or 0:.4f} "
            f"(precision {right / max(1, right + wrong):.4f}, recall {right / max(1, right + missed):.4f})",
            f"- macro F1 of present {statistics.mean(each.values() or [0.0]):.4f} over {len(each)} diagnoses",
            f"- accuracy of the assertion {same / max(1, stated):.4f} over {stated} diagnoses that are spoken of",
            "- lowest: " + ", ".join(f"{name} {score:.3f}" for name, score in worst),
            "",
            "| said | found | count |",
            "|---|---|---|",
        ]
        lines += [f"| {said or '–'} | {found or '–'} | {count} |" for (said, found), count in self.pairs.most_common()]
        return "\n".join(lines)


def made_up(writers: str, count: int, seed: int) -> Iterator[Case]:
    """Reports of the simulator with what they say, replayed from the seed."""
    from prima.simulate.plan.cases import case_at, cases
    from prima.simulate.plan.plan import make_plan
    from prima.simulate.reports import write_report

    plan = make_plan(num_studies=count, seed=seed)
    for case in cases(plan):
        prior = None if case.prior_index is None else case_at(plan, case.prior_index)
        report = write_report(case, prior=prior, writers=writers)  # type: ignore[arg-type]
        yield Case(case.study_uid, report.text, dict(report.stances()))


def hand_written(path: Path) -> Iterator[Case]:
    """Sentences of a JSONL file."""
    for line in path.read_text("utf-8").splitlines():
        if line.strip():
            row = json.loads(line)
            yield Case(str(row["id"]), row["text"], row["labels"])


def found_in(labels: Labels) -> dict[str, str]:
    return {name: label.assertion for name, label in labels.labels.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--writers", choices=["dev", "heldout"], default="heldout")
    parser.add_argument("--reports", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--sentences", type=Path)
    parser.add_argument("--errors", type=int, default=0)
    options = parser.parse_args()
    cases = list(
        hand_written(options.sentences)
        if options.sentences
        else made_up(options.writers, options.reports, options.seed)
    )
    labeller, score = RuleLabeller(), Score()
    examples: dict[tuple[str, str], list[str]] = defaultdict(list)
    start = time.process_time()
    answers = [labeller.label(case.text) for case in cases]
    seconds = time.process_time() - start
    for case, answer in zip(cases, answers, strict=True):
        for name, said, found in score.add(case.said, found_in(answer)):
            place = answer.labels.get(name)
            words = case.text if place is None else case.text[max(0, place.start - 60) : place.end + 40]
            examples[said, found].append(f"{case.name} {name}: {' '.join(words.split())[:200]}")
    what = options.sentences.name if options.sentences else f"{len(cases)} reports, {options.writers} writers"
    print(f"{labeller.version} on {what} (seed {options.seed})\n")
    print(f"- {len(cases) / seconds:.0f} texts a second of processor time")
    print(score.report())
    for (said, found), lines in sorted(examples.items()):
        if options.errors:
            print(f"\n## said {said or 'nothing'}, found {found or 'nothing'}: {len(lines)}\n")
            print("\n".join(f"- {line}" for line in lines[: options.errors]))


if __name__ == "__main__":
    main()
