"""The commands of README, tutorials and how-tos run as they are written; a block that does not run says why.

A block to run begins with ```` ```bash {.run} ````. Every other block of commands has a comment before it, as in
`<!-- not run: needs a PACS -->`. What a command prints is a block of `text`; one of ```` ```text {.printed} ```` is
what the block to run before it prints on a terminal, but for seconds and a percent or two. It is compared, and with
PRIMA_WRITE_DOCS=1 written.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pydicom import dcmread

from prima.cli.main import run
from prima.model.release.folder import load_release
from prima.model.release.untrained import TINY_SIZES, write_untrained_release
from prima.simulate.phantom.scan import phantom_protocols
from prima.simulate.phantom.write import write_phantom_study
from prima.study.ontology import DIAGNOSIS_NAMES

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted((DOCS / "tutorials").glob("*.md")), *sorted((DOCS / "how-to").glob("*.md"))]
FENCE = re.compile(r"^(?P<fence>```+)(?P<info>[^\n]*)\n(?P<body>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL)
REASON = re.compile(r"<!-- not run: (?P<reason>[^>]{10,}) -->\n+$")
PRINTED = "text {.printed}"
VOLATILE = re.compile(r"\b\d+(?:\.\d+)? s\b")
SHARE = re.compile(r"\b(\d+) %")
PERCENT = 2  # what rounding of another processor may make of a share
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
    "site_labels.csv": "{inputs}/site_labels.csv",
    "site_predictions.parquet": "{inputs}/site_predictions.parquet",
}
# Less of the same: what a reader waits minutes or hours for.
AMOUNTS = {
    "README.md": {
        "simulate OUT -n 20": "simulate OUT -n 20 --describe",
        "--key KEY --make-key": "--key KEY",  # a key that is there: who validates is drawn by it
        "--validation 0.2": "--validation 0.5",
        "embed CLEAN --table": "embed CLEAN --scores-anyway --table",  # the phantom is unlike what the release has seen
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


def on_a_terminal(command: str) -> tuple[int, str]:
    """Run a line in bash on a terminal of 80 columns that draws nothing: its status, and what it shows."""
    import pty

    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    lead, follow = pty.openpty()
    process = subprocess.Popen(
        ["bash", "-ec", command],
        stdin=subprocess.DEVNULL, stdout=follow, stderr=follow, env=os.environ | {"PATH": path, "TERM": "dumb"},
    )  # fmt: skip
    os.close(follow)
    shown = b""
    with os.fdopen(lead, "rb", buffering=0) as screen:
        while True:
            try:
                some = screen.read(65536)
            except OSError:  # as Linux says that nobody holds the other end any more
                break
            if not some:
                break
            shown += some
    return process.wait(), shown.decode()


def same_text(printed: str, shown: str) -> bool:
    """Whether a page shows what was printed: wrapped anywhere, with other seconds, and with shares a little off."""
    one, other = (" ".join(VOLATILE.sub("# s", text).split()) for text in (printed, shown))
    shares = [[int(share) for share in SHARE.findall(text)] for text in (one, other)]
    return SHARE.sub("#", one) == SHARE.sub("#", other) and all(
        abs(a - b) <= PERCENT for a, b in zip(*shares, strict=True)
    )


def for_a_page(printed: str) -> str:
    """What was printed as a page shows it: without empty lines, long lines wrapped with their indent."""
    lines = [line.rstrip() for line in printed.splitlines() if line.strip()]
    wrapped = [
        textwrap.wrap(line, 80, subsequent_indent=" " * 9, drop_whitespace=True) if len(line) > 80 else [line]
        for line in lines
    ]
    return "\n".join(part for parts in wrapped for part in parts) + "\n"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up hospital of 12 patients with two series each and a report: eight of 2022, four of 2026; and a key."""
    top = tmp_path_factory.mktemp("inputs")
    protocols = [protocol for protocol in phantom_protocols() if protocol.number in (2, 6)]
    for number in (1, 2, 3):
        write_phantom_study(top / "one" / str(number), seed=100 + number, protocols=protocols)
    write_untrained_release(top / "untrained", TINY_SIZES, name="published")
    write_tables(top / "untrained", top / "site_labels.csv", top / "site_predictions.parquet")
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


def write_tables(release: Path, labels: Path, predictions: Path, num_studies: int = 60) -> None:
    """What a site knows of its studies, and what a release that is often right predicts for them."""
    random = np.random.default_rng(1)
    uids = [f"1.2.{number}" for number in range(num_studies)]
    truth = {name: random.random(num_studies) < 0.3 for name in DIAGNOSIS_NAMES}
    logits = {f"{name}__logit": 2.0 * present + random.standard_normal(num_studies) for name, present in truth.items()}
    pl.DataFrame({"study_uid": uids, "patient": uids, **truth}).write_csv(labels)
    made_by = {"status": "done", "release_sha256": load_release(release).sha256}
    pl.DataFrame({"study_uid": uids, **logits}).with_columns(
        pl.lit(value).alias(name) for name, value in made_by.items()
    ).write_parquet(predictions)


WITH_COMMANDS = [page for page in PAGES if any(block.is_run for block in blocks(page.read_text(encoding="utf-8")))]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_the_commands_of_a_page_run_in_order(
    page: Path, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    found = list(blocks(text))
    for command in BEFORE.get(page.name, ()):
        assert status_of(filled(command, page.name, inputs)) in (0, 1), capfd.readouterr().err
    for index, block in enumerate(found):
        if not block.is_run:
            continue
        shown = found[index + 1] if index + 1 < len(found) and found[index + 1].info == PRINTED else None
        printed = ""
        for command in block.commands:
            line = filled(command, page.name, inputs)
            if shown is None:
                status, output = status_of(line), capfd.readouterr().err
            else:
                status, output = on_a_terminal(line)
                printed += output
            where = f"{page.name}, block at line {block.line}: {command}"
            assert status in (0, 1), f"{where}: status {status}\n{output}"
            assert "Traceback" not in output, f"{where}\n{output}"
        if shown is None:
            continue
        if os.environ.get("PRIMA_WRITE_DOCS") == "1" and not same_text(printed, shown.body):
            page.write_text(page.read_text(encoding="utf-8").replace(shown.body, for_a_page(printed)), encoding="utf-8")
        else:
            assert same_text(printed, shown.body), (
                f"{page.name}, line {shown.line}: now printed:\n{for_a_page(printed)}"
            )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_block_that_does_not_run_says_why(page: Path) -> None:
    without = [
        block.line
        for block in blocks(page.read_text(encoding="utf-8"))
        if not block.is_run and block.info not in ("python", "text", PRINTED) and not REASON.search(block.before)
    ]
    assert not without, f"{page.name}: blocks at lines {without} have no <!-- not run: REASON --> before them"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_shown_as_output_holds_no_command(page: Path) -> None:
    found = list(blocks(page.read_text(encoding="utf-8")))
    shown = [block for block in found if block.info in ("text", PRINTED)]
    assert not [block.line for block in shown if COMMAND.search(block.body)]
    assert all(found[index - 1].is_run for index, block in enumerate(found) if block.info == PRINTED)


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
    assert on_a_terminal("echo a; test -t 1; exit 3") == (3, "a\r\n")
    assert same_text("a 1.5 s\r\n  18 %  b", "a 30 s\n 19 % b") and not same_text("18 % b", "21 % b")
    assert not same_text("18 % b", "18 % c")
    assert status_of("exit 3") == 3
