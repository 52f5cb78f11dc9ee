"""Reports as lines of JSON in, labels as lines of JSON out."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prima.report.labels import Failure, Labeller

EXPECTED = 'expected {"id": …, "text": "…"}'


def label_lines(
    lines: Iterable[bytes],
    labeller: Labeller,
    *,
    on_labels: Callable[[str], None],
    on_refusal: Callable[[int, str], None],
) -> tuple[int, int]:
    """Label each line.

    Args:
        lines: JSON objects with `id` and `text`, one a line, in UTF-8; empty lines are passed over.
        labeller: the rules or a language model.
        on_labels: given each answer as a line of JSON, in the order of the lines.
        on_refusal: given the number of each line that is refused, from 1, and why.

    Returns:
        How many were labelled, and how many refused.
    """
    waiting: deque[tuple[int, Any]] = deque()
    done, refused = 0, 0

    def refuse(line_number: int, reason: str) -> None:
        nonlocal refused
        refused += 1
        on_refusal(line_number, reason)

    def texts() -> Iterator[str]:
        for line_number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            parsed = _read(line)
            if isinstance(parsed, str):
                refuse(line_number, parsed)
                continue
            waiting.append((line_number, parsed[0]))
            yield parsed[1]

    for answer in labeller.label_all(texts()):
        line_number, identifier = waiting.popleft()
        if isinstance(answer, Failure):
            refuse(line_number, answer.reason)
            continue
        on_labels(json.dumps({"id": identifier, "labels": answer.public()}))
        done += 1
    return done, refused


def _read(line: bytes) -> tuple[Any, str] | str:
    """The id and text of a line, or what is wrong with it."""
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return f"not JSON in UTF-8; {EXPECTED}"
    if not isinstance(value, dict) or not isinstance(value.get("id"), str | int) or isinstance(value["id"], bool):
        return f'no "id"; {EXPECTED}'
    if not isinstance(value.get("text"), str):
        return '"text" is missing or no string'
    return value["id"], value["text"].encode("utf-8", "replace").decode("utf-8")
