"""What `prima deidentify --preview` shows: element by element, what would happen, over all files."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from prima.cli.console import leave, printable, shortened
from prima.dicom.deidentify.clean import Change
from prima.dicom.deidentify.file import RefusedError, deidentify
from prima.dicom.deidentify.policy import Policy
from prima.errors import UsageError
from prima.files.walk import walk

_COLOURS = {"removed": "red", "words": "yellow", "code": "yellow", "date": "cyan", "datetime": "cyan"}
_WIDTH = 36


@dataclass
class _Row:
    """One element over all files."""

    files: int = 0
    values: Counter[tuple[str, str]] = field(default_factory=Counter)


def show_preview(source: Path, policy: Policy, *, show_values: bool) -> None:
    """Print the difference that de-identification would make; nothing is written.

    Args:
        show_values: an example of each element before and after; only ever to a terminal.

    Raises:
        UsageError: values are asked for, and stdout is no terminal.
    """
    if show_values and not sys.stdout.isatty():
        raise UsageError("--show-values: found a file or pipe on stdout, expected a terminal")
    rows: dict[tuple[str, str, str], _Row] = {}
    refused: Counter[str] = Counter()
    count = 0
    folder = source / "instances" if (source / "archive.json").is_file() else source
    for path in walk(folder).files:
        seen: set[tuple[str, str, str]] = set()

        def note(change: Change, seen: set[tuple[str, str, str]] = seen) -> None:
            key = (change.path, change.name, change.action)
            row = rows.setdefault(key, _Row())
            row.files += key not in seen
            seen.add(key)
            if show_values and len(row.values) < 2:
                row.values[change.before, change.after or ""] += 1

        try:
            count += deidentify(path, policy, note) is not None
        except RefusedError as error:
            refused[f"{error.reason.value}: {error.detail}"] += 1
    console = Console(highlight=False)
    console.print(_table(rows, show_values=show_values))
    console.print(f"{count} files would be written; what is not listed stays as it is")
    for reason, num_refused in sorted(refused.items()):
        console.print(Text(f"{num_refused} would be refused: {printable(reason)}", style="yellow"))
    leave(count, len(refused))


def _table(rows: dict[tuple[str, str, str], _Row], *, show_values: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("tag", "element", "action", "files", *(("before", "after") if show_values else ())):
        table.add_column(name, justify="right" if name == "files" else "left", overflow="fold")
    for (path, name, action), row in sorted(rows.items()):
        cells = [
            Text(path, style="dim"),
            Text(printable(name)),
            Text(action, style=_COLOURS.get(action, "green")),
            Text(str(row.files)),
        ]
        if show_values:
            before, after = next(iter(row.values), ("", ""))
            cells += [Text(_short(before), style="red"), Text(_short(after), style="green")]
        table.add_row(*cells)
    return table


def _short(value: str) -> str:
    value = printable(value)
    return value if len(value) <= _WIDTH else f"{shortened(value[:_WIDTH], _WIDTH)}…"
