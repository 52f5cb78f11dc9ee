"""Many studies in one call: one thread reads ahead while the model computes, and each study ends on its own.

At most `STUDIES_WAITING` prepared studies wait; voxels are dropped once a study is cut into patches, so memory does not
grow with the number of studies.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Literal

from prima.dicom.select.select import MIN_SLICES
from prima.errors import PrimaError
from prima.model.engine.engine import Answer, Engine, NotFiniteError
from prima.model.engine.outputs import findings_of, notes_on, priority_of
from prima.model.gate.admit import packaged_gate
from prima.model.release.folder import load_release, packaged_release
from prima.predict.ahead import made_ahead
from prima.predict.findings_file import check_writable, write_study_results
from prima.predict.pictures import SeriesPictures, make_pictures
from prima.predict.sources import Problem, StudySource, find_studies
from prima.predict.statement import entries_of, why_nothing
from prima.study import Findings, SeriesEntry
from prima.tokens.contract import Contract
from prima.tokens.patches import Patches
from prima.tokens.precision import DeviceChoice, DtypeChoice, choose_precision
from prima.tokens.text import name_of, order_text
from prima.tokens.tokenizer import patches_of

STUDIES_WAITING = 1
READERS = 2


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to predict; see `prima predict --help`. Studies whose UID is in `already` are passed over."""

    release: Path | None = None
    out: Path = Path("out")
    dtype: DtypeChoice = "auto"
    device: DeviceChoice = "auto"
    study_description: str | None = None
    keep_all: bool = False
    image_only: bool = False
    min_slices: int = MIN_SLICES
    verify: bool = False
    already: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """How one input ended.

    Args:
        status: done; unanswered or refused (findings.json says why); failed (an input that gave no study).
        where: the path as the user gave it; a path found below it may hold a patient's name.
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
        """The path as the user gave it, as text that any file can hold."""
        return typed(self.where)


def typed(path: Path) -> str:
    """A path as text; bytes that are no text become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What is happening now: a step of a study, with how far it is; it is over when `completed` is `total`."""

    step: Literal["hash", "read", "encode", "done"]
    where: str
    completed: int = 0
    total: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class _Prepared:
    """A study cut into patches; its voxels are gone."""

    where: Path
    study_uid: str
    description: str | None
    indication: str
    notes: tuple[str, ...]
    entries: tuple[SeriesEntry, ...]
    patches: tuple[Patches, ...]
    names: tuple[str, ...]
    pictures: dict[tuple[str, str | None], SeriesPictures]
    timings_s: dict[str, float]


def predict_studies(
    paths: Sequence[Path], options: Options, on_progress: Callable[[Progress], None] = lambda _: None
) -> Iterator[Outcome]:
    """Predict every study found under the paths, in order; one outcome per study and per input that gave none.

    Raises:
        ReleaseError: the release or the input gate cannot be used.
        UsageError: the device that was asked for is not there, or `out` cannot be written.
    """
    check_writable(options.out)
    if not options.keep_all:
        packaged_gate()
    precision = choose_precision(options.device, options.dtype)
    release = load_release(
        options.release or packaged_release(),
        verify=options.verify,
        on_hash=lambda name: on_progress(Progress(step="hash", where=name)),
    )
    prepared = made_ahead(_prepare_all(paths, options, release.manifest.contract, on_progress), STUDIES_WAITING)
    engine = Engine(release, precision, image_only=options.image_only)
    for item in prepared:
        yield item if isinstance(item, Outcome) else _finish(item, engine, options, on_progress)


def _prepare_all(
    paths: Sequence[Path], options: Options, contract: Contract, on_progress: Callable[[Progress], None]
) -> Iterator[_Prepared | Outcome]:
    seen: set[str] = set()
    for path in paths:
        started = perf_counter()

        def count(files: int, path: Path = path) -> None:
            on_progress(Progress(step="read", where=str(path), completed=files))

        try:
            found = find_studies(path, keep_all=options.keep_all, min_slices=options.min_slices, on_file=count)
        except PrimaError as error:
            yield Outcome(status="failed", where=path, message=str(error))
            continue
        except OSError as error:
            yield Outcome(status="failed", where=path, message=f"cannot be read: {error.strerror or 'not found'}")
            continue
        except Exception as error:  # noqa: BLE001 (the border of an input: what breaks one must not reach the others)
            yield Outcome(status="failed", where=path, message=_unforeseen(error))
            continue
        problems = _in_words(found.problems, path)
        for message in problems:
            yield Outcome(status="failed", where=path, message=message)
        if not found.studies and not found.problems:
            others = f", only {_count(found.num_other_files, ' of other kinds')}" if found.num_other_files else ""
            message = f"found no DICOM or NIfTI image{others}; give the folder of a study"
            yield Outcome(status="failed", where=path, message=message)
        scan_s = (perf_counter() - started) / max(1, len(found.studies))
        for source in found.studies:
            if source.study_uid in options.already:
                continue
            item = _prepare_one(_Input(path, problems, scan_s), source, options, contract, seen)
            if item is not None:
                yield item
        on_progress(Progress(step="read", where=str(path), completed=1, total=1))


def _in_words(problems: Sequence[Problem], path: Path) -> tuple[str, ...]:
    """One line for each kind of problem; how many files have it, not which: their names may hold a patient's."""
    if [problem.path for problem in problems] == [path]:
        return (problems[0].message,)
    counts = Counter(problem.message for problem in problems)
    return tuple(f"{_count(number)} could not be read ({message})" for message, number in counts.items())


def _count(number: int, of: str = "") -> str:
    return f"{number} file{'' if number == 1 else 's'}{of}"


def _unforeseen(error: Exception) -> str:
    return f"reading failed in a way nobody foresaw ({type(error).__name__}); please report it"


@dataclass(frozen=True)
class _Input:
    """A path of the call: what below it could not be read, and the share of each study in the seconds of looking."""

    path: Path
    problems: tuple[str, ...]
    scan_s: float


def _prepare_one(
    given: _Input, source: StudySource, options: Options, contract: Contract, seen: set[str]
) -> _Prepared | Outcome | None:
    try:
        started = perf_counter()
        study = source.read(workers=READERS)
        if study.study_uid in options.already:  # NIfTI: its UID follows from the content
            return None
        if study.study_uid in seen:
            message = f"study {study.study_uid} was given before in this call; give its parts as one folder"
            return Outcome(status="failed", where=given.path, message=message)
        seen.add(study.study_uid)
        if not options.keep_all:
            study = packaged_gate().admit(study)
        read = perf_counter()
        with ThreadPoolExecutor(READERS, "prima-prepare") as pool:
            drawn = pool.map(make_pictures, study.series)
            patches = tuple(pool.map(lambda series: patches_of(series, contract), study.series))
            pictures = {(one.series_uid, one.part): picture for one, picture in zip(study.series, drawn, strict=True)}
        timings = {"read": read - started + given.scan_s, "tokenize": perf_counter() - read}
    except PrimaError as error:
        return Outcome(status="failed", where=given.path, message=str(error), study_uid=source.study_uid)
    except Exception as error:  # noqa: BLE001 (the border of a study: what breaks one must not reach the others)
        return Outcome(status="failed", where=given.path, message=_unforeseen(error), study_uid=source.study_uid)
    return _Prepared(
        where=given.path,
        study_uid=study.study_uid,
        description=options.study_description if options.study_description is not None else study.description,
        indication=order_text(study.indication or "", study.patient.age_years, study.patient.sex),
        notes=(*study.notes, *(f"of the same input, {problem}" for problem in given.problems)),
        entries=entries_of(study, patches),
        patches=patches,
        names=tuple(name_of(series) for series in study.series),
        pictures=pictures,
        timings_s=timings,
    )


def _finish(item: _Prepared, engine: Engine, options: Options, on_progress: Callable[[Progress], None]) -> Outcome:
    reason: str | None = None
    answer: Answer | None = None
    if item.patches:

        def count(done: int, total: int) -> None:
            on_progress(Progress(step="encode", where=str(item.where), completed=done, total=total))

        try:
            answer = engine.answer(
                item.patches, item.names, engine.study_text(item.description, item.indication), count
            )
        except NotFiniteError as error:
            reason = str(error)
        except (MemoryError, RuntimeError) as error:  # torch raises these; the border of a study, as in reading
            reason = _why_not_computed(error)
    else:
        reason = why_nothing(item.entries)
    timings = {**item.timings_s, **(answer.timings_s if answer else {"encode": 0.0, "vision": 0.0, "heads": 0.0})}
    timings["total"] = sum(timings.values())
    manifest, outputs = engine.release.manifest, answer.outputs if answer else None
    diagnoses = findings_of(outputs.diagnoses, manifest.diagnoses) if outputs else ()
    referrals = findings_of(outputs.referrals, manifest.referrals) if outputs else ()
    findings = Findings(
        study_uid=item.study_uid,
        description=item.description,
        status="done" if answer else "refused",
        reason=reason,
        release=engine.stamp(),
        series=item.entries,
        diagnoses=diagnoses,
        priority=priority_of(outputs.priority, manifest.priority) if outputs else None,
        referrals=referrals,
        timings_s={step: round(seconds, 4) for step, seconds in timings.items()},
        notes=(*item.notes, *notes_on((*diagnoses, *referrals), manifest, engine.mode)),
        input=typed(item.where),
    )
    folder = write_study_results(findings, item.pictures, options.out)
    on_progress(Progress(step="done", where=str(item.where)))
    return Outcome(
        status=findings.status,
        where=item.where,
        message=reason,
        findings=findings,
        folder=folder,
        study_uid=findings.study_uid,
    )


def _why_not_computed(error: MemoryError | RuntimeError) -> str:
    name = type(error).__name__
    if isinstance(error, MemoryError) or name == "OutOfMemoryError" or "can't allocate memory" in str(error):
        return "computing needs more memory than there is; try --device cpu, or a machine with more"
    return f"computing failed in a way nobody foresaw ({name}); please report it"
