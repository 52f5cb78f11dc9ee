"""NIfTI inside a zip or tar file: read twice, first what stands beside the images, then image by image.

What is small and may belong to an image (json, b-values, tables of BIDS) is kept in a temporary folder until the end
of the container, since it may come before or after its image. Names inside a container are cut to plain parts before
they become paths there; images are never written but into the archive.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from prima.archive.ingest.nifti import NiftiStudy, image_instances, is_nifti_name, sidecars_of, studies_of_images
from prima.dicom.pixels.incoming import IncomingInstance, NotDelivered
from prima.files.container import SUFFIXES, Entry, LeftOut, entries_of
from prima.study.bids import MAX_SIDECAR_BYTES

_BESIDE = (".json", ".tsv", ".bval", ".bvec")
_MOST_BYTES, _MOST_FILES, _DEEPEST, _LONGEST = 256 << 20, 200_000, 32, 200


class NiftiOfContainer:
    """The NIfTI images of a container, and what stands beside them.

    Args:
        container: a zip or tar file.
        folder: an empty folder for what stands beside images.
    """

    def __init__(self, container: Path, folder: Path) -> None:
        self.container, self._folder = container, folder.resolve()
        self._images: dict[Path, None] = {}
        self._kept: dict[Path, str] = {}
        self._num_bytes = 0

    def takes(self, entry: Entry) -> bool:
        """Whether an entry is an image, or may belong to one; it is then read later."""
        place = self._place(entry.name)
        if place is None:
            return False
        if is_nifti_name(place.name):
            self._images[place] = None
            return True
        fits = len(entry.content) <= MAX_SIDECAR_BYTES and self._num_bytes + len(entry.content) <= _MOST_BYTES
        if place.suffix.lower() not in _BESIDE or not fits or place in self._kept or len(self._kept) == _MOST_FILES:
            return False
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(entry.content)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            return False  # an entry is named as the folder of another
        self._kept[place] = entry.name
        self._num_bytes += len(entry.content)
        return True

    def others(self) -> Iterator[Entry]:
        """What was kept and belongs to no image."""
        beside = sidecars_of(self._images)
        for place, name in self._kept.items():
            if place not in beside:
                yield Entry(name=name, content=place.read_bytes())

    def instances(self) -> Iterator[IncomingInstance | NotDelivered]:
        """The images, each after what belongs to it, in the order of the container; it is read again."""
        if not self._images:
            return
        studies = self._studies()
        for found in entries_of(self.container):
            if isinstance(found, LeftOut) or not is_nifti_name(_plain_name(found.name)):
                continue
            key = f"{self.container}!{found.name}"
            place = self._place(found.name)
            study = studies.pop(place, None) if place is not None else None
            if place is None or study is None:
                yield NotDelivered(key=key, detail="a second entry of one name, or a name that is too long or too deep")
            else:
                yield from image_instances(place, study, content=found.content, key=key)

    def _studies(self) -> dict[Path, NiftiStudy]:
        of_folder: dict[Path, list[Path]] = defaultdict(list)
        for image in self._images:
            of_folder[image.parent].append(image)
        found: dict[Path, NiftiStudy] = {}
        for images in of_folder.values():
            found |= studies_of_images(images, self._where)
        return found

    def _where(self, path: Path) -> Path:
        """Where a path of the temporary folder stands: inside the container, whose name without suffix is its top."""
        suffix = next((suffix for suffix in SUFFIXES[::-1] if self.container.name.lower().endswith(suffix)), "")
        whole = self.container.resolve()
        return whole.with_name(whole.name[: len(whole.name) - len(suffix)]) / path.relative_to(self._folder)

    def _place(self, name: str) -> Path | None:
        parts = [re.sub(r"[\x00-\x1f]", "_", part) for part in re.split(r"[/\\]", name)]
        parts = [part for part in parts if part.strip(". ")]
        if not parts or len(parts) > _DEEPEST or any(len(part.encode("utf-8", "replace")) > _LONGEST for part in parts):
            return None
        return self._folder.joinpath(*(part.encode("utf-8", "replace").decode() for part in parts))


def _plain_name(name: str) -> str:
    return re.split(r"[/\\]", name)[-1]
