"""Many studies, files in and out: a study folder in, findings and a page out."""

from typing import TYPE_CHECKING

from prima.files.lazy import lazy_exports

if TYPE_CHECKING:
    from prima.predict.page import render_page
    from prima.predict.run import Outcome, PredictOptions, Progress, predict_studies
    from prima.predict.sources import FoundStudies, StudySource, find_studies, read_study
    from prima.predict.table_file import PredictionTable, write_predictions
    from prima.predict.write import write_study_results

__all__ = [
    "FoundStudies",
    "Outcome",
    "PredictOptions",
    "PredictionTable",
    "Progress",
    "StudySource",
    "find_studies",
    "predict_studies",
    "read_study",
    "render_page",
    "write_predictions",
    "write_study_results",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "FoundStudies": "sources",
        "Outcome": "run",
        "PredictOptions": "run",
        "PredictionTable": "table_file",
        "Progress": "run",
        "StudySource": "sources",
        "find_studies": "sources",
        "predict_studies": "run",
        "read_study": "sources",
        "render_page": "page",
        "write_predictions": "table_file",
        "write_study_results": "write",
    },
)
