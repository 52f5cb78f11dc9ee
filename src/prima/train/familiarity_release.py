"""A check for unfamiliar studies into a release. A release never changes: a new folder is written beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prima import __version__
from prima.model.packaging.build import card_of_release, take_file
from prima.model.packaging.card import with_familiarity_section
from prima.model.packaging.probe import PROBE_FILE
from prima.model.release.familiarity import FamiliarityCheck
from prima.model.release.familiarity_record import FAMILIARITY_FILE
from prima.model.release.folder import Release, ReleaseWriter
from prima.model.release.manifest import CARD_FILE, Manifest
from prima.train.calibration.card import CARD_HEADING


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedFamiliarity:
    """A check, and what the provenance says of it.

    Args:
        check: of studies whose tokens the release made.
        facts: by key: `familiarity` (where the studies come from), `adapted` when the release was adapted.
    """

    check: FamiliarityCheck
    facts: dict[str, Any]

    def into(self, writer: ReleaseWriter, manifest: Manifest) -> Manifest:
        """Write the tensors, and give the manifest that names them."""
        writer.add_tensors(FAMILIARITY_FILE, self.check.seen.tensors())
        provenance = manifest.provenance | self.facts
        return replace(manifest, familiarity=self.check.record, provenance=provenance, files=writer.files)


def add_familiarity(release: Release, familiarity: FittedFamiliarity, out: Path, *, name: str | None = None) -> Path:
    """Write a release with this check; its weights, its answers and what was measured of them stay what they are.

    Args:
        release: any, converted ones too; a check that it has is replaced.
        familiarity: the check.
        out: a new or empty folder.
        name: of the new release; that of the old one when None.

    Raises:
        ReleaseError: `out` is not empty.
    """
    writer = ReleaseWriter(folder=out)
    try:
        for file in release.manifest.files:
            if file not in (CARD_FILE, FAMILIARITY_FILE):
                take_file(writer, release, file)
        manifest = replace(release.manifest, name=name or release.manifest.name)
        manifest = familiarity.into(writer, manifest)
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
