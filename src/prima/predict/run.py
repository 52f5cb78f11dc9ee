"""Many studies in one call: one thread reads ahead while the model computes, and each study ends on its own.

A study is announced before it is read, so that its first series is encoded while the others are still decoded. At most
`STUDIES_WAITING` announced studies wait; voxels are dropped once a study is cut into patches, so memory does not grow
with the number of studies.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Literal

from prima.dicom.select.select import MIN_SLICES
from prima.errors import PrimaError
from prima.files.ahead import iterated_ahead
from prima.model.engine.engine import Engine
from prima.model.engine.prepare import PreparedSeries, prepare_series
from prima.model.engine.reading import StudyReading, TakeSeries
from prima.model.gate.admit import Gate, packaged_gate
from prima.model.release.folder import load_release, packaged_release
from prima.predict.pictures import SeriesPictures, make_pictures
from prima.predict.sources import FileProblem, StudySource, find_studies
from prima.predict.worklist import WorklistRow, worklist_row, write_worklist
from prima.predict.write import check_writable, write_study_results
from prima.study import Excluded, Findings, Reason, Series, Study
from prima.study.findings_reader import read_findings
from prima.tables.failures import unforeseen
from prima.tokens.contract import Contract
from prima.tokens.precision import DeviceChoice, DtypeChoice, choose_precision

STUDIES_WAITING = 1
READERS = 2


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """How to predict; see `prima predict --help`. Studies whose UID is in `already` are passed over."""

    release: Path | None = None
    out: Path = Path("out")
    dtype: DtypeChoice = "auto"
    device: DeviceChoice = "auto"
    study_description: str | None = None
    keep_all: bool = False
    image_only: bool = False
    scores_anyway: bool = False
    min_slices: int = MIN_SLICES
    follow_links: bool = False
    verify: bool = False
    show_input: bool = False
    already: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """How one input ended.

    Args:
        status: done; unanswered or refused (findings.json says why); failed (an input that gave no study).
        where: the path as the user gave it.
        message: one line, None when done.
        findings: None when failed.
        folder: where the results were written, None when failed.
        study_uid: None when it is not known.
    """

    status: Literal["done", "unanswered", "refused", "failed"]
    where: Path
    message: str | None = None
    findings: Findings | None = None
    folder: Path | None = None
    study_uid: str | None = None

    @property
    def input(self) -> str:
        """What names the study: the path as the user gave it, and what below it tells studies apart."""
        return self.findings.input if self.findings and self.findings.input else typed(self.where)


def typed(path: Path) -> str:
    """A path as text; bytes that are no text become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What is happening now: a step of a study, with how far it is; it is over when `completed` is `total`.

    The step "found" says how many studies the call has, as far as they are known: `total` counts those that were found,
    and each input that was not searched yet as one.
    """

    step: Literal["found", "hash", "read", "encode", "done"]
    where: str
    completed: int = 0
    total: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class _Begun:
    """A study whose reading has begun.

    Args:
        where: the path as the user gave it.
        input: that path, and what below it tells the study from others.
        reading: its series, as they become ready.
        pictures: of every series that is used, by UID and part; whole once the study is read.
        study_uid: StudyInstanceUID.
    """

    where: Path
    input: str
    reading: StudyReading
    pictures: dict[tuple[str, str | None], SeriesPictures]
    study_uid: str


def predict_studies(
    paths: Sequence[Path | str],
    options: PredictOptions | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    *,
    engine: Engine | None = None,
) -> Iterator[Outcome]:
    """Predict every study found under the paths, in order; one outcome per study and per input that gave none.

    Results are written under `options.out` study by study, and at the end OUT/index.html over all of them.

    Args:
        paths: study folders, or single NIfTI files.
        options: see there.
        on_progress: told what is happening.
        engine: a release that is loaded already; release, dtype, device, image_only, keep_all and
            scores_anyway are then its own.

    Raises:
        ReleaseError: the release or the input gate cannot be used.
        UsageError: the device that was asked for is not there, or `out` cannot be written.
    """
    options = options or PredictOptions()
    if engine is not None:
        options = replace(options, keep_all=engine.keep_all)
    check_writable(options.out)
    if not options.keep_all:
        packaged_gate()
    if engine is None:
        precision = choose_precision(options.device, options.dtype)
        release = load_release(
            options.release or packaged_release(),
            verify=options.verify,
            on_hash=lambda name: on_progress(Progress(step="hash", where=name)),
        )
        engine = Engine(
            release,
            precision,
            image_only=options.image_only,
            keep_all=options.keep_all,
            scores_anyway=options.scores_anyway,
        )
    rows, num_failed = _rows_written_before(options), 0
    begun = iterated_ahead(_read_all([*map(Path, paths)], options, engine.contract, on_progress), STUDIES_WAITING)
    engine.warm()
    for item in begun:
        outcome = item if isinstance(item, Outcome) else _finish(item, engine, options, on_progress)
        if outcome.findings is None:
            num_failed += 1
        else:
            rows.append(worklist_row(outcome.findings))
        yield outcome
    if rows:
        write_worklist(rows, options.out, num_failed)


def _rows_written_before(options: PredictOptions) -> list[WorklistRow]:
    """Of the studies that are passed over, as far as their results are still there."""
    rows = []
    for study_uid in sorted(options.already):
        with suppress(PrimaError, OSError):
            rows.append(worklist_row(read_findings(options.out / study_uid / "findings.json")))
    return rows


def _read_all(
    paths: Sequence[Path], options: PredictOptions, contract: Contract, on_progress: Callable[[Progress], None]
) -> Iterator[_Begun | Outcome]:
    gate = None if options.keep_all else packaged_gate()
    seen: set[str] = set()
    num_found = 0
    for index, path in enumerate(paths):
        started = perf_counter()

        def count(files: int, path: Path = path) -> None:
            on_progress(Progress(step="read", where=str(path), completed=files))

        try:
            listing = find_studies(
                path,
                keep_all=options.keep_all,
                min_slices=options.min_slices,
                follow_links=options.follow_links,
                on_file=count,
            )
        except PrimaError as error:
            yield Outcome(status="failed", where=path, message=str(error))
            continue
        except OSError as error:
            yield Outcome(status="failed", where=path, message=f"cannot be read: {error.strerror or 'not found'}")
            continue
        except Exception as error:  # noqa: BLE001 (the border of an input: what breaks one must not reach the others)
            yield Outcome(status="failed", where=path, message=unforeseen("reading", error))
            continue
        num_found += max(1, sum(source.study_uid not in options.already for source in listing.studies))
        on_progress(Progress(step="found", where=str(path), total=num_found + len(paths) - index - 1))
        problems = _in_words(listing.problems, path)
        for message in problems:
            yield Outcome(status="failed", where=path, message=message)
        if not listing.studies and not listing.problems:
            remark = f", only {_count(listing.num_other_files, ' of other kinds')}" if listing.num_other_files else ""
            message = f"found no DICOM or NIfTI image{remark}; give the folder of a study"
            yield Outcome(status="failed", where=path, message=message)
        scan_s = (perf_counter() - started) / max(1, len(listing.studies))
        for source in listing.studies:
            if source.study_uid in options.already:
                continue
            name = _input_name(path, source, alone=len(listing.studies) == 1)
            study_input = _Input(path, name, problems, scan_s)
            yield from _read_one(study_input, source, options, _Preparation(contract, gate), seen)
        on_progress(Progress(step="read", where=str(path), completed=1, total=1))


def _in_words(problems: Sequence[FileProblem], path: Path) -> tuple[str, ...]:
    """One line for each kind of problem; how many files have it, not which: their names may hold a patient's."""
    if [problem.path for problem in problems] == [path]:
        return (problems[0].message,)
    counts = Counter(problem.message for problem in problems)
    return tuple(f"{_count(count)} could not be read ({message})" for message, count in counts.items())


def _input_name(path: Path, source: StudySource, *, alone: bool) -> str:
    """The path as the user gave it; where it holds several studies, with what below it tells this one apart."""
    if alone:
        return typed(path)
    return typed(path / source.name)


def _count(count: int, of: str = "") -> str:
    return f"{count} file{'' if count == 1 else 's'}{of}"


@dataclass(frozen=True)
class _Input:
    """A path of the call: what names the study, what below it could not be read, and its share of the looking."""

    path: Path
    name: str
    problems: tuple[str, ...]
    scan_s: float


@dataclass(frozen=True)
class _Preparation:
    """What happens to each series of the call while its voxels are at hand."""

    contract: Contract
    gate: Gate | None

    def into(
        self, pictures: dict[tuple[str, str | None], SeriesPictures]
    ) -> Callable[[Series], PreparedSeries | Excluded]:
        """Prepares a series, and draws one that is used."""

        def prepare(series: Series) -> PreparedSeries | Excluded:
            try:
                prepared = prepare_series(series, self.contract, self.gate)
                if isinstance(prepared, PreparedSeries):
                    pictures[series.series_uid, series.part] = make_pictures(series)
            except Exception as error:  # noqa: BLE001 (the border of a series: what breaks one leaves the others alone)
                return _unprepared(series, error)
            return prepared

        return prepare


def _unprepared(series: Series, error: Exception) -> Excluded:
    lacking = isinstance(error, MemoryError) or "allocate memory" in str(error)
    return Excluded(
        series_uid=series.series_uid,
        number=series.number,
        description=series.description or series.protocol,
        part=series.part,
        reason=Reason.UNREADABLE,
        detail="it needs more memory than there is" if lacking else unforeseen("preparing", error),
        num_slices=series.num_slices,
    )


def _read_one(
    study_input: _Input, source: StudySource, options: PredictOptions, preparation: _Preparation, seen: set[str]
) -> Iterator[_Begun | Outcome]:
    """Announce a study, then read it: whoever takes what is announced encodes its series meanwhile."""
    read: Callable[[TakeSeries], Study] = partial(_read_series, source, study_input.problems)
    study_uid = source.study_uid
    if study_uid is None:  # NIfTI: its UID follows from the content
        try:
            study = source.read(workers=READERS)
        except Exception as error:  # noqa: BLE001 (the border of a study: what breaks one must not reach the others)
            yield Outcome(status="failed", where=study_input.path, message=_in_one_line(error))
            return
        study_uid = study.study_uid
        read = partial(_give_series, _with_notes(study, study_input.problems))
    if study_uid in options.already:
        return
    if study_uid in seen:
        message = f"study {study_uid} was given before in this call; give its parts as one folder"
        yield Outcome(status="failed", where=study_input.path, message=message)
        return
    seen.add(study_uid)
    reading, pictures = StudyReading(), dict[tuple[str, str | None], SeriesPictures]()
    reading.timings_s["read"] = study_input.scan_s
    yield _Begun(
        where=study_input.path, input=study_input.name, reading=reading, pictures=pictures, study_uid=study_uid
    )
    reading.run(read, preparation.into(pictures), workers=READERS)


def _read_series(source: StudySource, problems: Sequence[str], take: TakeSeries) -> Study:
    return _with_notes(source.read(workers=READERS, on_series=take), problems)


def _give_series(study: Study, take: TakeSeries) -> Study:
    for series in study.series:
        take(series)
    return study


def _with_notes(study: Study, problems: Sequence[str]) -> Study:
    """The study with a note on each problem of its input."""
    return replace(study, notes=(*study.notes, *(f"of the same input, {problem}" for problem in problems)))


def _in_one_line(error: Exception) -> str:
    return str(error) if isinstance(error, PrimaError) else unforeseen("reading", error)


def _finish(item: _Begun, engine: Engine, options: PredictOptions, on_progress: Callable[[Progress], None]) -> Outcome:
    def count(done: int, total: int) -> None:
        on_progress(Progress(step="encode", where=str(item.where), completed=done, total=total))

    try:
        findings = engine.findings(item.reading, description=options.study_description, on_tokens=count)
    except Exception as error:  # noqa: BLE001 (the border of a study: what breaks one must not reach the others)
        message = _in_one_line(error)
        return Outcome(status="failed", where=item.where, message=message, study_uid=item.study_uid)
    findings = replace(findings, input=item.input)
    folder = write_study_results(findings, item.pictures, options.out, show_input=options.show_input)
    on_progress(Progress(step="done", where=str(item.where)))
    return Outcome(
        status=findings.status,
        where=item.where,
        message=findings.reason,
        findings=findings,
        folder=folder,
        study_uid=findings.study_uid,
    )
