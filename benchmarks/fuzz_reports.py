"""Damaged reports through every carrier and the labeller: no traceback, no hang, little memory.

python benchmarks/fuzz_reports.py [--mutants 10000] [--seed 1] [--keep DIR]

Mutants are made of reports as the simulator writes them (HL7, FHIR, CSV) and of forms with HTML and RTF inside: bytes
flipped, cut, doubled, moved and spliced, and pieces that have broken readers elsewhere put in. Each is read and
labelled with a limit of five seconds. `--keep` writes those that fail there.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import resource
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from damage import damaged

from prima.report.carriers.files import reports_from
from prima.report.label import RuleLabeller
from prima.report.labelled import label_reports
from prima.report.report import Problem, Report

SECONDS = 5.0
PIECES = (
    b"\r", b"\n", b"\r\n", b"\x00", b"\x0b", b"\x1c\r", b"|" * 50, b"^~\\&", b"\\.sp9999\\", b"\\X0D0A\\",
    b"MSH|^~\\&|",
    b"MSH^^^^", b"OBX|1|ED|x|1|^TEXT^RTF^Base64^e1xy", b'"', b'""', b",", b"\t", b"{" * 300, b"[" * 300, b"}" * 9,
    b"<" * 400,
    b"<!--", b"<table>" * 40, b"<script", b"<td>", b"&#x10ffff;", b"{\\rtf1", b"\\u99999999999?", b"\\bin99999999 ",
    b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", "\u202e\u00ad\u0130ﬁ".encode(), b"? " * 60, b"[ ] " * 60,
    b"1. " * 60,
    b"hemorrhage or " * 60, b"FINDINGS: " * 60, b"no " * 60, b"charset=undefined", b'"data": 7', b'"status": []',
    b"12/31/2024", b"99999999999999999999", b"-1", b"1e999", b"NaN",
)  # fmt: skip


@dataclass
class FuzzResult:
    """What became of the mutants.

    Args:
        outcomes: reports, problems and mutants without either, counted.
        failures: (index of the mutant, what went wrong).
        slowest_s: of one mutant.
        peak_mb: resident memory of the process at its highest, imports included.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str]] = field(default_factory=list)
    slowest_s: float = 0.0
    peak_mb: float = 0.0


class HangError(Exception):
    """A mutant took longer than it may."""


def seeds() -> list[tuple[str, bytes]]:
    """(name, content) of reports in all carriers, whole."""
    from prima.simulate.plan.cases import cases
    from prima.simulate.plan.plan import make_plan
    from prima.simulate.reports import Filed, write_csv, write_fhir, write_hl7, write_report

    filed = [
        Filed(case, write_report(case, prior=None, writers="dev")) for case in cases(make_plan(num_studies=6, seed=4))
    ]
    found: list[tuple[str, bytes]] = []
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        write_csv(filed, top / "csv")
        write_hl7(filed, top / "hl7")
        write_fhir(filed, top / "fhir")
        for path in sorted(part for part in top.rglob("*") if part.is_file()):
            if path.stat().st_size < 200_000:
                found.append((path.name, path.read_bytes()))
    return found + [(f"form{index}.json", with_form(*form)) for index, form in enumerate(forms())]


def forms() -> list[tuple[str, bytes]]:
    """(content type, data) of forms that are not plain text."""
    table = b"<html><body><h1>Report</h1><table><tr><th>Finding</th><th>Present</th></tr>"
    table += b"<tr><td>Hemorrhage</td><td>No</td></tr>"
    table += b"</table><p>No <b>mass</b>.<br/>Old infarct.</p><ul><li>Edema</li></ul></body></html>"
    rtf = rb"{\rtf1\ansi{\fonttbl{\f0 Arial;}}\pard FINDINGS:\par No h\'e4morrhage."
    rtf += rb"\cell x\cell\row IMPRESSION: Normal.\par}"
    return [("text/html", table), ("application/xhtml+xml", table), ("text/rtf", rtf), ("text/plain", rtf)]


def with_form(kind: str, data: bytes) -> bytes:
    """A DiagnosticReport with one form."""
    form = {"contentType": kind, "data": base64.b64encode(data).decode()}
    report = {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "issued": "2024-01-02T03:04:05Z",
        "presentedForm": [form],
    }
    return json.dumps(report).encode()


def mutants(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Damaged files, the same for the same seed."""
    chance = random.Random(seed)
    whole, parts = seeds(), forms()
    for _ in range(count):
        if chance.random() < 0.25:
            kind, data = chance.choice(parts)
            yield "form.json", with_form(kind, damaged(data, chance, parts[0][1], PIECES))
        else:
            name, data = chance.choice(whole)
            yield name, damaged(data, chance, chance.choice(whole)[1], PIECES)


def fuzz(count: int, seed: int, keep: Path | None = None) -> FuzzResult:
    """Read and label mutants."""
    labeller, result = RuleLabeller(), FuzzResult()

    def hang(_signal: int, _frame: FrameType | None) -> None:
        raise HangError(f"more than {SECONDS:g} s")

    before = signal.signal(signal.SIGALRM, hang)
    try:
        for index, (name, data) in enumerate(mutants(count, seed)):
            started = time.perf_counter()
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            try:
                found = list(reports_from(data, name))
                reports = [report for report in found if isinstance(report, Report)]
                list(label_reports(reports, labeller))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
                result.failures.append((index, f"{name}: {type(error).__name__}: {str(error)[:100]}"))
                if keep is not None:
                    (keep / f"{index}_{name}").write_bytes(data)
                continue
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                result.slowest_s = max(result.slowest_s, time.perf_counter() - started)
            result.outcomes["reports"] += len(reports)
            problems = [problem for problem in found if isinstance(problem, Problem)]
            result.outcomes["problems"] += len(problems)
            result.outcomes["mutants"] += 1
            result.outcomes["unknown damage"] += any("no reader knows" in problem.found for problem in problems)
            if not found and data.strip():
                result.failures.append((index, f"{name}: neither a report nor a problem"))
                if keep is not None:
                    (keep / f"{index}_{name}").write_bytes(data)
    finally:
        signal.signal(signal.SIGALRM, before)
    result.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutants", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    started = time.perf_counter()
    result = fuzz(options.mutants, options.seed, options.keep)
    print(f"- {options.mutants} mutants (seed {options.seed}) in {time.perf_counter() - started:.0f} s")
    print(f"- {result.outcomes['reports']} reports and {result.outcomes['problems']} problems, ", end="")
    print(f"{result.outcomes['unknown damage']} mutants ended in damage that no reader names")
    print(f"- slowest mutant {result.slowest_s:.2f} s; peak memory {result.peak_mb:.0f} MB")
    print(f"- {len(result.failures)} failures")
    for index, failure in result.failures[:30]:
        print(f"  - {index}: {failure}")


if __name__ == "__main__":
    main()
