"""A health system's archive: catalogue, ingest, cohort, time split, stages."""

from typing import TYPE_CHECKING

from prima.files.lazy import lazy_exports

if TYPE_CHECKING:
    from prima.archive.cohort.curate import Curation, curate
    from prima.archive.cohort.split import Split
    from prima.archive.info.count import info_of
    from prima.archive.stages.embed import embed_archive
    from prima.archive.stages.label import label_archive
    from prima.archive.stages.tokenize import tokenize_archive
    from prima.archive.store.layout import Archive

__all__ = [
    "Archive",
    "Curation",
    "Split",
    "curate",
    "embed_archive",
    "info_of",
    "label_archive",
    "tokenize_archive",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "Archive": "store.layout",
        "Curation": "cohort.curate",
        "Split": "cohort.split",
        "curate": "cohort.curate",
        "embed_archive": "stages.embed",
        "info_of": "info.count",
        "label_archive": "stages.label",
        "tokenize_archive": "stages.tokenize",
    },
)
