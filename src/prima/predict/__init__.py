"""Many studies, files in and out: a study folder in, findings and a page out."""

from typing import TYPE_CHECKING

from prima.files.lazy import lazy_exports

if TYPE_CHECKING:
    from prima.predict.run import Outcome, PredictOptions, Progress, predict_studies
    from prima.predict.sources import StudySource, find_studies, read_study
    from prima.predict.table import PredictionTable, write_predictions

__all__ = [
    "Outcome",
    "PredictOptions",
    "PredictionTable",
    "Progress",
    "StudySource",
    "find_studies",
    "predict_studies",
    "read_study",
    "write_predictions",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "Outcome": "run",
        "PredictOptions": "run",
        "PredictionTable": "table",
        "Progress": "run",
        "StudySource": "sources",
        "find_studies": "sources",
        "predict_studies": "run",
        "read_study": "sources",
        "write_predictions": "table",
    },
)
