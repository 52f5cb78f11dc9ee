"""`prima deidentify`: a folder or an archive without identities."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from prima.dicom.deidentify.folder import Summary
    from prima.dicom.deidentify.key import SiteKey
    from prima.dicom.deidentify.policy import Policy


class Keep(StrEnum):
    """What a site may decide to keep."""

    PATIENT = "patient"
    DEVICE = "device"


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
        list[Keep] | None,
        typer.Option(help="patient: sex, age, size, weight; device: station, serial number. May be repeated."),
    ] = None,
    max_days: Annotated[int, typer.Option(min=1, metavar="N", help="Dates move back by 1 to N days.")] = 365,
    allow_burned_in: Annotated[
        bool, typer.Option("--allow-burned-in", help="Let files through whose pixels may hold text.")
    ] = False,
    day_first: Annotated[bool, typer.Option("--day-first", help="Reports: 03/04/2024 is the third of April.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Show what would happen, and write nothing.")] = False,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="With --preview on a terminal: show the values, identities and all.")
    ] = False,
    keep_map: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write who became whom, for the site alone (mode 0600).")
    ] = None,
    refused: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the paths of refused files, for the site (mode 0600).")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, metavar="W", help="Processes.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON on stdout.")] = False,
) -> None:
    """Remove identities after the basic profile of PS3.15 annex E: what no table names does not leave."""
    from rich.console import Console

    from prima.dicom.deidentify.policy import Policy
    from prima.errors import UsageError

    err = Console(stderr=True, soft_wrap=True)
    if not source.exists():
        raise UsageError(f"{source}: no such file or folder")
    if make_key and key is None:
        raise UsageError("--make-key: found no --key, expected the file to write the key to")
    if show_values and not preview:
        raise UsageError("--show-values: goes with --preview only")
    policy = Policy(
        key=_key(key, make_key, err),
        keep_patient=Keep.PATIENT in (keep or ()),
        keep_device=Keep.DEVICE in (keep or ()),
        max_days=max_days,
        allow_burned_in=allow_burned_in,
    )
    if preview:
        from prima.cli.deidentify_preview import show_preview

        show_preview(source, policy, show_values=show_values)
        return
    if out is None:
        raise UsageError("OUT: found none, expected a new or empty folder (or --preview)")
    summary = _run(source, out, policy, err, day_first=day_first, workers=workers)
    _write_lists(summary, keep_map, refused)
    _report(summary, err, as_json=as_json)


def _key(path: Path | None, make: bool, err: Console) -> SiteKey:
    from prima.dicom.deidentify.key import SiteKey, others_may_read

    if path is None:
        err.print("no --key: identities are replaced by a key for this run only, which nobody keeps", style="yellow")
        return SiteKey.random()
    if make:
        return SiteKey.make(path)
    found = SiteKey.read(path)
    if others_may_read(path):
        err.print(f"{path}: others may read this key; chmod 600 mends that", style="yellow", markup=False)
    return found


def _run(source: Path, out: Path, policy: Policy, err: Console, *, day_first: bool, workers: int) -> Summary:
    from rich.progress import Progress

    from prima.dicom.deidentify.folder import deidentify_tree
    from prima.errors import UsageError
    from prima.files.walk import walk

    inside = out.resolve()
    if source.is_dir() and inside.is_relative_to(source.resolve()):
        raise UsageError(f"{out}: lies inside {source}; name a folder elsewhere")
    with Progress(console=err, transient=True, disable=not err.is_terminal) as bar:
        if (source / "archive.json").is_file():
            from prima.files.optional import require_tables

            require_tables()
            from prima.archive.stages.deidentify import deidentify_archive, instance_files
            from prima.archive.store.layout import Archive

            archive = Archive.open(source)
            task = bar.add_task("files", total=len(instance_files(archive)))
            return deidentify_archive(
                archive, out, policy, day_first=day_first, workers=workers,
                on_file=lambda done: bar.update(task, completed=done),
            )  # fmt: skip
        found = walk(source)
        task = bar.add_task("files", total=len(found.files))
        summary: Summary = deidentify_tree(
            found.files, out, policy, workers=workers, on_file=lambda done: bar.update(task, completed=done)
        )
    for problem in found.problems:
        summary.refuse(problem.path, "unreadable", problem.message)
    return summary


def _write_lists(summary: Summary, keep_map: Path | None, refused: Path | None) -> None:
    from prima.dicom.deidentify.folder import write_private_csv

    if keep_map is not None:
        write_private_csv(keep_map, ("kind", "old", "new"), summary.replaced)
    if refused is not None:
        rows = [(str(one.path), one.reason, one.detail) for one in summary.refused]
        write_private_csv(refused, ("path", "reason", "detail"), rows)


def _report(summary: Summary, err: Console, *, as_json: bool) -> None:
    """Counts on stdout, what was refused on stderr, and the exit status."""
    import json

    from prima.cli.live import printable

    for (reason, detail), count in sorted(summary.reasons.items()):
        files = "file" if count == 1 else "files"
        err.print(f"refused {count} {files}: {reason}: {printable(detail)}", style="yellow", markup=False)
    counts = {name: summary.counts[name] for name in ("written", "unchanged", "refused", "other")}
    if as_json:
        by_reason = [
            {"reason": reason, "detail": detail, "files": n} for (reason, detail), n in summary.reasons.items()
        ]
        typer.echo(json.dumps({**counts, "reasons": by_reason}))
    else:
        typer.echo(", ".join(f"{number} {name}" for name, number in counts.items()))
    if counts["written"] + counts["unchanged"] == 0:
        raise typer.Exit(3)
    if counts["refused"]:
        raise typer.Exit(1)
