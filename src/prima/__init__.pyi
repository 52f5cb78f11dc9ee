"""The types of the face; `__init__.py` loads each name when it is used."""

from prima.evaluate import evaluate_predictions as evaluate_predictions
from prima.model.engine import Engine as Engine
from prima.model.engine import load_release as load_release
from prima.predict import PredictOptions as PredictOptions
from prima.predict import predict_studies as predict_studies
from prima.predict import read_study as read_study
from prima.simulate import simulate_studies as simulate_studies
from prima.study import Findings as Findings
from prima.study import Study as Study

__version__: str
