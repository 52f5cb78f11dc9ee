"""The commands of README, tutorials and how-tos run as they are written; a block that does not run says why.

A block to run begins with ```` ```bash {.run} ````. Every other block of commands has a comment before it, as in
`<!-- not run: needs a PACS -->`; what a command prints is a block of `text`.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from prima.cli.main import run
from prima.model.release.untrained import TINY_SIZES, write_untrained_release
from prima.simulate.phantom.scan import phantom_protocols
from prima.simulate.phantom.write import write_phantom_study

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted((DOCS / "tutorials").glob("*.md")), *sorted((DOCS / "how-to").glob("*.md"))]
FENCE = re.compile(r"^(?P<fence>```+)(?P<info>[^\n]*)\n(?P<body>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL)
REASON = re.compile(r"<!-- not run: (?P<reason>[^>]{10,}) -->\n+$")
COMMAND = re.compile(r"^(prima|pip|make|python|docker|export|torchrun|\. ) ?", re.MULTILINE)
NEEDS_A_SHELL = re.compile(r"[|<>$;&]|^(?!prima )")

# What a reader puts in the place of a word, by page; `inputs` is the folder of the fixture.
PLACEHOLDERS = {
    "KEY": "{inputs}/site.key",
    "EXPORT": "{inputs}/hospital/studies",
    "reports.csv": "{inputs}/hospital/reports/reports.csv",
    "hospital": "{inputs}/hospital",
    "STUDY": "{inputs}/one/1",
    "STUDY_1": "{inputs}/one/1",
    "STUDY_2": "{inputs}/one/2",
    "STUDY_3": "{inputs}/one/3",
    "A B C": "{inputs}/one/1 {inputs}/one/2 {inputs}/one/3",
    "prima-published": "{inputs}/untrained",
    "PUBLISHED": "{inputs}/untrained",
    "demo/hospital": "{inputs}/hospital",
    "demo/hospital/studies": "{inputs}/one",
}
# Less of the same: what a reader waits minutes or hours for.
AMOUNTS = {
    "README.md": {
        "simulate OUT -n 20": "simulate OUT -n 1 --normal --spacing 2",
        "--key KEY --make-key": "--key KEY",  # a key that is there: who validates is drawn by it
        "--validation 0.2": "--validation 0.5",
    },
    "build-an-archive.md": {"--workers 8": "--workers 1", "--validation 0.05": "--validation 0.4"},
    "train-on-your-archive.md": {
        "train tokenizer ARCHIVE RUN": "train tokenizer ARCHIVE RUN --recipe tiny --steps 2 --dtype float32",
        "--studies 2000": "--studies 2",
        "train clip ARCHIVE RUN": "train clip ARCHIVE RUN --steps 2 --dtype float32",
        "train heads ARCHIVE RUN": "train heads ARCHIVE RUN --dtype float32",
        "tokenize ARCHIVE": "tokenize ARCHIVE --dtype float32",
    },
}
# What the pages before this one have left in the reader's folder.
BEFORE = {
    "first-study.md": ["prima predict demo/hospital/studies --out demo/out"],
    "build-an-archive.md": ["cp -r PUBLISHED RELEASE"],
    "train-on-your-archive.md": [
        "prima ingest EXPORT reports.csv ARCHIVE",
        "prima label ARCHIVE",
        "prima curate ARCHIVE --validation 0.5",
    ],
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block of a page."""

    line: int
    info: str
    body: str
    before: str

    @property
    def is_run(self) -> bool:
        return self.info == "bash {.run}"

    @property
    def commands(self) -> list[str]:
        """Command lines, each whole: continued lines and documents that follow a line belong to it."""
        lines, found = iter(self.body.replace("\\\n", " ").splitlines()), []
        for line in lines:
            if document := re.search(r"<<'(\w+)'", line):
                inner = [line]
                while inner[-1] != document[1]:
                    inner.append(next(lines))
                found.append("\n".join(inner))
            elif line.strip() and not line.startswith("#"):
                found.append(line)
        return found


def blocks(text: str) -> Iterator[Block]:
    for match in FENCE.finditer(text):
        line = text[: match.start()].count("\n") + 1
        yield Block(line=line, info=match["info"].strip(), body=match["body"], before=text[: match.start()])


def filled(command: str, page: str, inputs: Path) -> str:
    """The command with the reader's own words in the places that are kept for them."""
    for whole, less in AMOUNTS.get(page, {}).items():
        command = command.replace(whole, less)
    words = "|".join(re.escape(word) for word in sorted(PLACEHOLDERS, key=len, reverse=True))
    return re.sub(
        rf"(?<![\w./-])({words})(?![\w.-])",
        lambda match: PLACEHOLDERS[match[1]].format(inputs=inputs),
        command,
    )


def status_of(command: str) -> int:
    """Run a line: `prima` in this process, which spares each the seconds that torch takes to load; else in bash."""
    if not NEEDS_A_SHELL.search(command.partition("  #")[0]):
        return run(shlex.split(command, comments=True)[1:])
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return subprocess.run(["bash", "-ec", command], check=False, env=os.environ | {"PATH": path}).returncode


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up hospital of 12 patients with two series each and a report: eight of 2022, four of 2026; and a key."""
    top = tmp_path_factory.mktemp("inputs")
    protocols = [protocol for protocol in phantom_protocols() if protocol.number in (2, 6)]
    for number in (1, 2, 3):
        write_phantom_study(top / "one" / str(number), seed=100 + number, protocols=protocols)
    write_untrained_release(top / "untrained", TINY_SIZES, name="published")
    (top / "hospital" / "reports").mkdir(parents=True)
    lines = ["accession,patient_id,study_uid,description,study_time,report_time,status,report"]
    (top / "site.key").write_text("5eed" * 16)
    for patient in range(12):
        folder, year = top / "hospital" / "studies" / str(patient), 2026 if patient % 3 == 0 else 2022
        write_phantom_study(folder, seed=patient, protocols=protocols)
        for path in folder.rglob("*.dcm"):
            dataset = dcmread(path)
            for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
                setattr(dataset, keyword, f"{year}0102")
            dataset.AccessionNumber = f"A{patient}"
            dataset.save_as(path, enforce_file_format=True)
        found = "Left frontal meningioma." if patient % 4 < 2 else "Acute subdural hematoma on the left."
        when = f"{year}-01-02T10:15:00,{year}-01-02T12:00:00"
        facts = f"A{patient},PHANTOM-{patient},{dataset.StudyInstanceUID},MRI BRAIN,{when},final"
        lines.append(f'{facts},"INDICATION: Headache. FINDINGS: {found} IMPRESSION: {found}"')
    (top / "hospital" / "reports" / "reports.csv").write_text("\n".join(lines) + "\n")
    negative = top / "hospital" / "negatives" / "0"
    write_phantom_study(negative, seed=200, protocols=protocols[:1])
    for path in negative.rglob("*.dcm"):
        dataset = dcmread(path)
        dataset.BodyPartExamined, dataset.PixelData = "KNEE", np.zeros_like(dataset.pixel_array).tobytes()
        dataset.save_as(path, enforce_file_format=True)
    return top


WITH_COMMANDS = [page for page in PAGES if any(block.is_run for block in blocks(page.read_text(encoding="utf-8")))]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_the_commands_of_a_page_run_in_order(
    page: Path, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [(0, command) for command in BEFORE.get(page.name, ())]
    text = page.read_text(encoding="utf-8")
    commands += [(block.line, command) for block in blocks(text) if block.is_run for command in block.commands]
    for line, command in commands:
        import os as _o, time as _t
        a=_o.times(); w=_t.time(); status = status_of(filled(command, page.name, inputs)); b=_o.times()
        open('/tmp/w/gatework/prof.txt','a').write(f'{page.stem:22s} self {b.user+b.system-a.user-a.system:6.1f} child {b.children_user+b.children_system-a.children_user-a.children_system:6.1f} wall {_t.time()-w:6.1f} {command[:90]!r}\n')
        output = capfd.readouterr()
        assert status in (0, 1), f"{page.name}, block at line {line}: {command}: status {status}\n{output.err}"
        assert "Traceback" not in output.err


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_block_that_does_not_run_says_why(page: Path) -> None:
    without = [
        block.line
        for block in blocks(page.read_text(encoding="utf-8"))
        if not block.is_run and block.info not in ("python", "text") and not REASON.search(block.before)
    ]
    assert not without, f"{page.name}: blocks at lines {without} have no <!-- not run: REASON --> before them"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_shown_as_output_holds_no_command(page: Path) -> None:
    shown = [block for block in blocks(page.read_text(encoding="utf-8")) if block.info == "text"]
    assert not [block.line for block in shown if COMMAND.search(block.body)]


def test_every_page_that_is_shortened_or_prepared_has_commands() -> None:
    assert {page.name for page in WITH_COMMANDS} >= AMOUNTS.keys() | BEFORE.keys()
    texts = {page.name: page.read_text(encoding="utf-8") for page in WITH_COMMANDS}
    assert not [whole for page, amounts in AMOUNTS.items() for whole in amounts if whole not in texts[page]]


def test_what_blocks_and_placeholders_are() -> None:
    text = "<!-- not run: needs a PACS -->\n```bash\na \\\n  b\n# c\nd <<'END'\ne\nEND\n```\n```bash {.run}\nx\n```\n"
    first, second = blocks(text)
    assert (first.commands, first.is_run, second.is_run) == (["a    b", "d <<'END'\ne\nEND"], False, True)
    assert REASON.search(first.before) and not REASON.search(second.before)
    assert filled("prima predict STUDY_2 x/STUDY --out out", "x.md", Path("in")) == (
        "prima predict in/one/2 x/STUDY --out out"
    )
    assert status_of("prima --version") == 0
    assert status_of("exit 3") == 3
