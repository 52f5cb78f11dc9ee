"""`prima label`: what reports say of the 52 diagnoses."""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

if TYPE_CHECKING:
    from prima.report.labels import Labeller
    from prima.report.llm import LlmLabeller

KEY_VARIABLE = "PRIMA_LLM_KEY"


def label(
    archive: Annotated[
        Path | None,
        typer.Argument(metavar="ARCHIVE", help="An archive made by prima ingest, whose reports are labelled."),
    ] = None,
    *,
    text: Annotated[
        Path | None,
        typer.Option("--text", metavar="FILE", help='JSONL of {"id", "text"}; - reads stdin. Labels go to stdout.'),
    ] = None,
    llm: Annotated[
        str | None, typer.Option("--llm", metavar="URL", help="Ask this OpenAI-compatible endpoint, not the rules.")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="The model, as the endpoint calls it.")] = None,
    cache: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep answers here; holds report text.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, metavar="N", help="Requests at a time.")] = 4,
    price: Annotated[
        str | None, typer.Option(metavar="IN:OUT", help="Dollars a million tokens, to say what it cost.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Report text may leave this machine and its private network.")
    ] = False,
    ask_triage: Annotated[
        bool, typer.Option("--ask-triage", help="ARCHIVE: the endpoint also decides priority and referrals.")
    ] = False,
    triage: Annotated[
        Path | None, typer.Option(metavar="FILE", help="ARCHIVE: the site's own rule for priority and referrals.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, metavar="W", help="ARCHIVE: processes, where the rules label.")] = 1,
    retry: Annotated[bool, typer.Option("--retry", help="ARCHIVE: try again what failed before.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="ARCHIVE: print the counts as JSON on stdout.")] = False,
) -> None:
    """Say which of the 52 diagnoses each report calls present, absent, uncertain or historical, and in which words."""
    from prima.errors import UsageError

    if (text is None) == (archive is None):
        raise UsageError("prima label: expected either ARCHIVE or --text FILE")
    if ask_triage and llm is None:
        raise UsageError("--ask-triage belongs to --llm URL")
    if text is not None and (ask_triage or triage is not None or workers > 1 or retry or as_json):
        raise UsageError("--ask-triage, --triage, --workers, --retry and --json belong to ARCHIVE")
    prices = _prices(price)
    asking = _asking(llm, model, cache, concurrency, yes=yes, triage=ask_triage)
    try:
        if archive is not None:
            from prima.cli.label_archive import label_archive

            label_archive(archive, asking=asking, triage=triage, workers=workers, retry=retry, as_json=as_json)
            return
        assert text is not None
        if asking is None:
            from prima.report.label import RuleLabeller

            done, refused = _label_lines(text, RuleLabeller())
        else:
            done, refused = _label_lines(text, asking)
    finally:
        if asking is not None:
            _say_what_it_took(asking, prices)
    _say(f"labelled {done} reports" + (f"; {refused} refused" if refused else ""))
    if refused:
        raise typer.Exit(1 if done else 3)


def _say_what_it_took(asking: LlmLabeller, prices: tuple[float, float] | None) -> None:
    tally = asking.tally
    _say(
        f"asked {tally.asked} times, {tally.retried} of them again; {tally.from_cache} answers from the cache; "
        f"{tally.prompt_tokens} tokens asked, {tally.completion_tokens} answered"
        + (f", ${tally.cost(*prices):.2f}" if prices else "")
    )


def _asking(
    llm: str | None, model: str | None, cache: Path | None, concurrency: int, *, yes: bool, triage: bool
) -> LlmLabeller | None:
    from prima.errors import UsageError

    if llm is None:
        if model is not None or cache is not None:
            raise UsageError("--model and --cache belong to --llm URL")
        return None
    if model is None:
        raise UsageError("--llm needs --model NAME")
    from prima.report.llm import LlmLabeller, LlmSettings
    from prima.report.llm_host import warning_for

    key = os.environ.get(KEY_VARIABLE)
    settings = LlmSettings(
        url=llm, model=model, key=key, cache=cache, concurrency=concurrency, allow_outside=yes, triage=triage
    )
    labeller = LlmLabeller(settings)
    warning = warning_for(llm)
    if warning:
        _say(f"warning: {warning}")
    return labeller


def _prices(price: str | None) -> tuple[float, float] | None:
    from prima.errors import UsageError

    if price is None:
        return None
    try:
        asked, answered = (float(part) for part in price.split(":"))
    except ValueError:
        raise UsageError(f"--price: found {price!r}, expected two numbers such as 0.15:0.60") from None
    return asked, answered


def _label_lines(path: Path, labeller: Labeller) -> tuple[int, int]:
    """Labels each line and writes each answer; how many were labelled, and how many refused."""
    from prima.report.labels import Failure

    names: deque[tuple[int, Any]] = deque()
    bad = [0]

    def texts(lines: BinaryIO) -> Iterator[str]:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            found = _read(line)
            if isinstance(found, str):
                bad[0] += 1
                _say(f"line {number}: {found}")
                continue
            names.append((number, found[0]))
            yield found[1]

    done = 0
    lines = sys.stdin.buffer if str(path) == "-" else path.open("rb")
    try:
        for answer in labeller.label_all(texts(lines)):
            number, name = names.popleft()
            if isinstance(answer, Failure):
                bad[0] += 1
                _say(f"line {number}: {answer.reason}")
                continue
            sys.stdout.write(json.dumps({"id": name, "labels": answer.public()}) + "\n")
            done += 1
        sys.stdout.flush()
    finally:
        if lines is not sys.stdin.buffer:
            lines.close()
    return done, bad[0]


def _read(line: bytes) -> tuple[Any, str] | str:
    """The id and text of a line, or what is wrong with it."""
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return 'not JSON in UTF-8; expected {"id": …, "text": "…"}'
    if not isinstance(value, dict) or not isinstance(value.get("id"), str | int) or isinstance(value["id"], bool):
        return 'no "id"; expected {"id": …, "text": "…"}'
    if not isinstance(value.get("text"), str):
        return '"text" is missing or no string'
    return value["id"], value["text"].encode("utf-8", "replace").decode("utf-8")


def _say(line: str) -> None:
    """A line on stderr, whose escapes a terminal would obey made visible."""
    shown = "".join(letter if letter.isprintable() else " " for letter in line)
    print(shown, file=sys.stderr)  # noqa: T201
