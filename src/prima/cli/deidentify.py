"""`prima deidentify`: a folder or an archive without identities."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prima.cli import options as given
from prima.cli.console import Terminal, leave, printable, say

if TYPE_CHECKING:
    from prima.dicom.deidentify.folder import Summary


def deidentify(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A folder, a file or an archive.")],
    out: Annotated[
        Path | None, typer.Argument(metavar="OUT", help="New or empty, or begun with the same key and options.")
    ] = None,
    *,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The site's key; without it, a key for this run only.")
    ] = None,
    make_key: Annotated[bool, typer.Option("--make-key", help="Write a new key to the file of --key first.")] = False,
    keep: Annotated[
        list[given.Keep] | None,
        typer.Option(help="patient: sex, age, size, weight; device: station, serial number. May be repeated."),
    ] = None,
    max_days: Annotated[int, typer.Option(min=30, metavar="N", help="Dates move back by 1 to N days, N ≥ 30.")] = 365,
    allow_burned_in: Annotated[
        bool, typer.Option("--allow-burned-in", help="Let files through whose pixels may hold text.")
    ] = False,
    day_first: Annotated[bool, typer.Option("--day-first", help="Reports: 03/04/2024 is the third of April.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Show what would happen, and write nothing.")] = False,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="With --preview on a terminal: show the values too.")
    ] = False,
    keep_map: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write who became whom, for the site alone (mode 0600).")
    ] = None,
    refused: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the paths of refused files (0600).")
    ] = None,
    follow_links: given.FollowLinks = False,
    workers: given.WorkersOption = None,
    ray: given.RayOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON on stdout.")] = False,
) -> None:
    """Remove identities after the basic profile of PS3.15 annex E: what no table names does not leave."""
    from prima.dicom.deidentify.policy import Policy
    from prima.errors import UsageError
    from prima.workflow.deidentify import deidentify_source, site_key, write_lists

    if not source.exists():
        raise UsageError(f"{source}: no such file or folder")
    if make_key and key is None:
        raise UsageError("--make-key: found no --key, expected the file to write the key to")
    if show_values and not preview:
        raise UsageError("--show-values: goes with --preview only")
    with Terminal() as terminal:
        policy = Policy(
            key=site_key(key, make=make_key, warn=terminal.warn),
            keep_patient=given.Keep.PATIENT in (keep or ()),
            keep_device=given.Keep.DEVICE in (keep or ()),
            max_days=max_days,
            allow_burned_in=allow_burned_in,
        )
        if not preview:
            if out is None:
                raise UsageError("OUT: found none, expected a new or empty folder (or --preview)")
            summary = deidentify_source(
                source, out, policy, day_first=day_first, follow_links=follow_links, workers=workers, ray=ray,
                watcher=terminal,
            )  # fmt: skip
    if preview:
        from prima.cli.deidentify_preview import show_preview

        show_preview(source, policy, show_values=show_values)
        return
    write_lists(summary, keep_map=keep_map, refused=refused)
    _report(summary, terminal, as_json=as_json)


def _report(summary: Summary, terminal: Terminal, *, as_json: bool) -> None:
    """Counts on stdout, what was refused on stderr, and the exit status."""
    for (reason, detail), count in sorted(summary.reasons.items()):
        terminal.warn(f"refused {count} {'file' if count == 1 else 'files'}: {reason}: {printable(detail)}")
    counts = {name: summary.counts[name] for name in ("written", "unchanged", "refused", "other")}
    by_reason = [{"reason": reason, "detail": detail, "files": n} for (reason, detail), n in summary.reasons.items()]
    words = ", ".join(f"{count} {name}" for name, count in counts.items())
    say(words, {**counts, "reasons": by_reason}, as_json=as_json)
    leave(counts["written"] + counts["unchanged"], counts["refused"])
