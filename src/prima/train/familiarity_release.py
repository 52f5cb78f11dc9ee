"""A check for unfamiliar studies into a release. A release never changes: a new folder is written beside it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from prima import __version__
from prima.model.packaging.build import card_of_release, take_file
from prima.model.packaging.card import with_familiarity_section
from prima.model.packaging.probe import PROBE_FILE
from prima.model.release.familiarity import FamiliarityCheck
from prima.model.release.familiarity_record import FAMILIARITY_FILE
from prima.model.release.folder import Release, ReleaseWriter
from prima.model.release.manifest import CARD_FILE
from prima.train.calibration.card import CARD_HEADING


def add_familiarity(
    release: Release, check: FamiliarityCheck, out: Path, *, facts: dict[str, Any], name: str | None = None
) -> Path:
    """Write a release with this check; its weights, its answers and what was measured of them stay what they are.

    Args:
        release: any, converted ones too; a check that it has is replaced.
        check: of studies whose tokens this release made.
        out: a new or empty folder.
        facts: for the provenance, by key: `familiarity` (where the studies come from), `adapted` when it was adapted.
        name: of the new release; that of the old one when None.

    Raises:
        ReleaseError: `out` is not empty.
    """
    writer = ReleaseWriter(folder=out)
    try:
        for file in release.manifest.files:
            if file not in (CARD_FILE, FAMILIARITY_FILE):
                take_file(writer, release, file)
        writer.add_tensors(FAMILIARITY_FILE, check.seen.tensors())
        manifest = replace(
            release.manifest,
            name=name or release.manifest.name,
            familiarity=check.record,
            provenance=release.manifest.provenance | facts,
            files=writer.files,
        )
        writer.add_text(CARD_FILE, with_familiarity_section(_card(release, manifest.name), manifest))
        return writer.finish(manifest)
    except BaseException:
        writer.abandon()
        raise


def facts_of_fit(release: Release, **facts: Any) -> dict[str, Any]:
    """Which release a check was fitted for, by which openprima, and what else is known."""
    return {
        "of_release": release.manifest.name,
        "of_release_sha256": release.sha256,
        "openprima": __version__,
        **facts,
    }


def _card(release: Release, name: str) -> str:
    """The card of a release under another name."""
    if CARD_FILE not in release.manifest.files:
        return f"# {name}\n"
    card = (release.folder / CARD_FILE).read_text(encoding="utf-8")
    if PROBE_FILE not in release.manifest.files:  # not a built release
        return card
    heading = re.search(rf"^{CARD_HEADING}$", card, flags=re.MULTILINE)
    calibration = "" if heading is None else "\n" + card[heading.start() :]
    return card_of_release(replace(release, manifest=replace(release.manifest, name=name))) + calibration
