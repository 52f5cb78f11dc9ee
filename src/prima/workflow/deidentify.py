"""A folder or an archive without identities, and the lists that a site keeps of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from prima.dicom.deidentify.folder import Summary, deidentify_tree, write_private_csv
from prima.dicom.deidentify.key import SiteKey, others_may_read
from prima.dicom.deidentify.policy import Policy
from prima.errors import UsageError
from prima.files.optional import require_tables
from prima.files.spread import Spread
from prima.files.walk import walk
from prima.workflow.watcher import NOBODY, Watcher


def site_key(path: Path | None, *, make: bool, warn: Callable[[str], None]) -> SiteKey:
    """The key of a site: read, made, or a random one that nobody keeps.

    Args:
        path: of the key's file; None for a key of this run only.
        make: write a new key to the file first.
        warn: told what a user should know of the key.
    """
    if path is None:
        warn("no --key: identities are replaced by a key for this run only, which nobody keeps")
        return SiteKey.random()
    if make:
        return SiteKey.make(path)
    key = SiteKey.read(path)
    if others_may_read(path):
        warn(f"{path}: others may read this key; chmod 600 mends that")
    return key


def deidentify_source(
    source: Path,
    out: Path,
    policy: Policy,
    *,
    day_first: bool = False,
    follow_links: bool = False,
    workers: int | None = None,
    ray: str | None = None,
    watcher: Watcher = NOBODY,
) -> Summary:
    """De-identify a folder, a file or an archive.

    Args:
        source: with identities.
        out: new or empty, or begun with the same key and options; not inside the source.
        policy: what is kept and what replaces the rest.
        day_first: how dates in reports are read.
        follow_links: read what links inside a folder lead to.
        workers: processes; None is one, or all that a Ray cluster has room for.
        ray: address of a Ray cluster, as `prima.files.ray_cluster` takes it.
        watcher: told how many files are done.

    Raises:
        UsageError: `out` lies inside the source.
    """
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{out}: lies inside {source}; name a folder elsewhere")
    if ray is not None:  # whose processes stand elsewhere
        source, out = source.absolute(), out.absolute()
    with Spread(processes=workers if ray else workers or 1, ray=ray) as spread:
        if (source / "archive.json").is_file():
            return _deidentify_archive(source, out, policy, day_first=day_first, spread=spread, watcher=watcher)
        tree = walk(source, follow_links=follow_links)
        summary = deidentify_tree(
            tree.files, out, policy, spread=spread,
            on_file=lambda done: watcher.count("files", done, len(tree.files)),
        )  # fmt: skip
    for problem in tree.problems:
        summary.refuse(problem.path, "unreadable", problem.message)
    return summary


def _deidentify_archive(
    source: Path, out: Path, policy: Policy, *, day_first: bool, spread: Spread, watcher: Watcher
) -> Summary:
    require_tables()
    from prima.archive.stages.deidentify import deidentify_archive, instance_files
    from prima.archive.store.layout import Archive

    archive = Archive.open(source)
    total = len(instance_files(archive))
    return deidentify_archive(
        archive, out, policy, day_first=day_first, spread=spread,
        on_file=lambda done: watcher.count("files", done, total),
    )  # fmt: skip


def write_lists(summary: Summary, *, keep_map: Path | None = None, refused: Path | None = None) -> None:
    """Write who became whom, and which files were refused, for the site alone (mode 0600)."""
    if keep_map is not None:
        write_private_csv(keep_map, ("kind", "old", "new"), summary.replaced)
    if refused is not None:
        rows = [(str(refusal.path), refusal.reason, refusal.detail) for refusal in summary.refused]
        write_private_csv(refused, ("path", "reason", "detail"), rows)
