"""A tree of files: each read once, written once, and not again when a broken-off run goes on."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path

from prima.dicom.deidentify.file import NoPatientError, RefusedError, deidentify, patients_of_studies, write_once
from prima.dicom.deidentify.policy import Policy
from prima.errors import UsageError
from prima.files.durable import sync_open, write_json, write_text
from prima.files.lock import locked
from prima.files.spread import Spread

STATE = ".deidentify"
_CARD, _DONE, _LOCK = "policy.json", "done", "lock"
_BATCH = 64
# A file without PatientID, until all other files are done.
_WAITING = "waiting"


@dataclass(frozen=True, kw_only=True)
class FileOutcome:
    """What became of one file.

    Args:
        status: written, unchanged (it was there already), refused, or other (no DICOM image or object).
        reason, detail: why it was refused.
        replaced: (kind, old, new) of the identities it held, for the map.
    """

    path: Path
    status: str
    reason: str = ""
    detail: str = ""
    replaced: tuple[tuple[str, str, str], ...] = ()


@dataclass(kw_only=True)
class Summary:
    """How many files ended how, and what a site may want to keep for itself."""

    counts: Counter[str] = field(default_factory=Counter)
    refused: list[FileOutcome] = field(default_factory=list)
    replaced: set[tuple[str, str, str]] = field(default_factory=set)

    def refuse(self, path: Path, reason: str, detail: str) -> None:
        """Count a file that could not even be tried."""
        self.counts["refused"] += 1
        self.refused.append(FileOutcome(path=path, status="refused", reason=reason, detail=detail))

    @property
    def reasons(self) -> Counter[tuple[str, str]]:
        """Refused files by reason and detail."""
        return Counter((outcome.reason, outcome.detail) for outcome in self.refused)


def as_it_is(place: Path) -> Path:
    """A place below the folder: study / series / instance.dcm."""
    return place


def deidentify_tree(
    files: Sequence[Path],
    out: Path,
    policy: Policy,
    *,
    place: Callable[[Path], Path] = as_it_is,
    spread: Spread | None = None,
    on_file: Callable[[int], None] | None = None,
) -> Summary:
    """De-identify files into a folder; what an earlier run with the same key and options finished is left out.

    Args:
        files: any files; those that are no DICOM are counted.
        out: new or empty, or begun by a run with the same key and options.
        place: from study / series / instance.dcm to the path below `out`.
        spread: who does it; this process unless told otherwise.
        on_file: called with the number of files that are done.

    Raises:
        UsageError: the folder holds something else, was begun otherwise, or is being written by another process.
    """
    summary = Summary()
    with _state(out, policy) as state:
        done = _done(state)
        marks = {path: _mark(path, policy) for path in files}
        todo = [path for path in files if marks[path] not in done]
        summary.counts["unchanged"] = len(files) - len(todo)
        with (state / _DONE).open("a", encoding="ascii") as journal:
            work = Deidentifier(out=out, policy=policy, place=place)
            for outcomes in _rounds(todo, files, work, spread or Spread()):
                for outcome in outcomes:
                    summary.counts[outcome.status] += 1
                    summary.replaced.update(outcome.replaced)
                    if outcome.status == "refused":
                        summary.refused.append(outcome)
                    elif outcome.status != "other":
                        journal.write(f"{marks[outcome.path]}\n")
                sync_open(journal)
                if on_file is not None:
                    on_file(summary.counts.total())
    return summary


@dataclass(frozen=True, kw_only=True)
class Deidentifier:
    """De-identifies batches of files, one after the other; it travels to other processes.

    Args:
        out, policy, place: as for `deidentify_tree`.
        patients: StudyInstanceUID → patient, for files without PatientID; without it they wait.
    """

    out: Path
    policy: Policy
    place: Callable[[Path], Path] = as_it_is
    patients: Mapping[str, str] | None = None

    def __call__(self, batch: Iterable[Path]) -> list[FileOutcome]:
        """What became of each file."""
        return [_one(path, self) for path in batch]


def _rounds(
    todo: Sequence[Path], files: Sequence[Path], work: Deidentifier, spread: Spread
) -> Iterator[list[FileOutcome]]:
    """Files that name their patient, then the others, with the patients that their studies name elsewhere."""
    waiting: list[Path] = []
    for outcomes in _batches(todo, work, spread):
        waiting += [outcome.path for outcome in outcomes if outcome.status == _WAITING]
        yield [outcome for outcome in outcomes if outcome.status != _WAITING]
    if waiting:
        yield from _batches(waiting, replace(work, patients=patients_of_studies(files)), spread)


def _batches(todo: Sequence[Path], work: Deidentifier, spread: Spread) -> Iterator[list[FileOutcome]]:
    batches = (todo[first : first + _BATCH] for first in range(0, len(todo), _BATCH))
    for _, outcomes in spread.map(work, batches, given_up=_given_up):
        yield outcomes


def _given_up(path: Path) -> FileOutcome:
    return FileOutcome(path=path, status="refused", reason="unreadable", detail="ended the process that read it")


def _one(path: Path, work: Deidentifier) -> FileOutcome:
    try:
        clean = deidentify(path, work.policy, patients=work.patients or {}, wait=work.patients is None)
        if clean is None:
            return FileOutcome(path=path, status="other")
        new = write_once(work.out / work.place(clean.place), clean.content)
    except NoPatientError:
        return FileOutcome(path=path, status=_WAITING)
    except RefusedError as error:
        return FileOutcome(path=path, status="refused", reason=error.reason.value, detail=error.detail)
    names = work.policy.pseudonyms
    replaced = [
        ("patient", clean.person.key, names.patient_id(clean.person.key)),
        ("days_back", clean.person.key, str(names.days_back(clean.person.key))),
        ("study", clean.old_uids[0], names.new_uid(clean.old_uids[0])),
        ("series", clean.old_uids[1], names.new_uid(clean.old_uids[1])),
        ("accession", clean.accession, names.accession(clean.accession)),
    ]
    return FileOutcome(
        path=path, status="written" if new else "unchanged", replaced=tuple(row for row in replaced if row[1])
    )


@contextmanager
def _state(out: Path, policy: Policy) -> Iterator[Path]:
    """The folder that remembers how far a run came, held by one process at a time."""
    state = out / STATE
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: found a file, expected a new or empty folder")
    if (
        out.is_dir()
        and not state.is_dir()
        and any(path.name != "archive.json" and path.name[0] != "." for path in out.iterdir())
    ):
        raise UsageError(f"{out}: found files of something else, expected a new or empty folder")
    state.mkdir(parents=True, exist_ok=True)
    with locked(out, "deidentify", name=f"{STATE}/{_LOCK}", error=UsageError):
        card = state / _CARD
        if card.exists():
            if json.loads(card.read_text(encoding="ascii"))["policy"] != policy.fingerprint:
                raise UsageError(f"{out}: was begun with another key, option or version; name another folder")
        else:
            write_json(card, {"policy": policy.fingerprint})
        yield state


def _done(state: Path) -> set[str]:
    """Marks of finished files; a line cut short by the end of a process fits no file."""
    path = state / _DONE
    if not path.exists():
        return set()
    text = path.read_text(encoding="ascii")
    if text and not text.endswith("\n"):
        with path.open("a", encoding="ascii") as journal:
            journal.write("\n")
    return set(text.split())


def _mark(path: Path, policy: Policy) -> str:
    """Stands for a file as it is now, without saying anything of it."""
    try:
        status = path.stat()
        facts = f"{path.absolute()}\0{status.st_size}\0{status.st_mtime_ns}"
    except OSError:
        facts = f"{path.absolute()}\0gone"
    return policy.key.digest("file", facts).hex()[:32]


def write_private_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table that only its owner may read, whole or not at all; rows that are there already stay."""
    known: set[tuple[str, ...]] = set()
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            known = {tuple(row) for row in list(csv.reader(file))[1:]}
    text = StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    table.writerows(sorted(known | {tuple(row) for row in rows}))
    write_text(path, text.getvalue(), mode=0o600)
