"""A loaded release: the one way from a study to its findings."""

from typing import TYPE_CHECKING

from prima.files.lazy import lazy_exports

if TYPE_CHECKING:
    from prima.model.engine.batch import FeatureReader
    from prima.model.engine.engine import Engine, NotFiniteError, StudyOutputs, load_release
    from prima.model.engine.outputs import make_findings
    from prima.model.engine.prepare import PreparedSeries, PreparedStudy, prepare, prepare_series
    from prima.model.engine.reading import StudyReading

__all__ = [
    "Engine",
    "FeatureReader",
    "NotFiniteError",
    "PreparedSeries",
    "PreparedStudy",
    "StudyOutputs",
    "StudyReading",
    "load_release",
    "make_findings",
    "prepare",
    "prepare_series",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "Engine": "engine",
        "FeatureReader": "batch",
        "NotFiniteError": "engine",
        "PreparedSeries": "prepare",
        "PreparedStudy": "prepare",
        "StudyOutputs": "engine",
        "StudyReading": "reading",
        "load_release": "engine",
        "make_findings": "outputs",
        "prepare": "prepare",
        "prepare_series": "prepare",
    },
)
