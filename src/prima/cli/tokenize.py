"""`prima tokenize`: the studies of a cohort into a token store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prima.cli import options as given
from prima.cli.console import Terminal, leave, name_few, say
from prima.cli.options import Dtype


def tokenize(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="An archive with a cohort (prima curate).")],
    *,
    release: given.ReleaseFolder = None,
    split: given.Split = None,
    keep_all: Annotated[
        bool, typer.Option("--keep-all", help="Use the series, too, that the input gate takes for no brain.")
    ] = False,
    dtype: given.DtypeOption = Dtype.AUTO,
    device: given.DeviceOption = "auto",
    workers: given.WorkersOption = None,
    ray: given.RayOption = None,
    per_shard: Annotated[int, typer.Option(min=1, metavar="N", help="Studies in a new shard.")] = 16,
    retry: given.Retry = False,
    as_json: given.CountsAsJson = False,
) -> None:
    """Turn the studies of a cohort into tokens. It may be interrupted at any point and run again: nothing doubles."""
    from prima.files.optional import require_tables

    require_tables()
    with Terminal() as terminal:
        with terminal.err.status("starting"):  # torch takes seconds to load
            from prima.archive.cohort.split import SPLITS
            from prima.archive.stages.tokenize import tokenize_archive
            from prima.archive.store.layout import Archive
            from prima.model.release.folder import packaged_release
            from prima.tokens.precision import choose_precision
            from prima.workflow.workers import workers_for

        precision = choose_precision(device, dtype.value)
        done = tokenize_archive(
            Archive.open(archive),
            release=release or packaged_release(),
            precision=precision,
            keep_all=keep_all,
            splits=[side.value for side in split] if split else SPLITS,
            workers=workers_for(precision, processes=workers, ray=ray),
            size=per_shard,
            retry=retry,
            on_progress=lambda progress: progress.tell("studies", terminal),
        )
    if not done.trained:
        terminal.warn(f"release {done.release} is untrained: its tokens mean nothing")
    lines = [f"no tokens {study_uid}: {reason}" for study_uid, reason in done.left_out]
    name_few(terminal.err, lines, more="; see tokens.parquet")
    folder = archive / done.folder.relative_to(archive)
    counts = {"tokenised": done.tokenised, "left_out": len(done.left_out), "num_tokens": done.num_tokens}
    values = {**counts, "release": done.release, "trained": done.trained, "folder": str(folder)}
    say(f"{done.tokenised} studies, {done.num_tokens} tokens in {folder}", values, as_json=as_json)
    leave(done.tokenised, len(done.left_out))
