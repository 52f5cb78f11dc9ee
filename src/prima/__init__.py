"""openprima: from a raw brain-MRI study to findings. Research use only; it does not diagnose.

The names below are the package's face. Each is loaded when it is first used, so `import prima` is quick and needs
neither torch nor a GPU; the rooms (`prima.dicom`, `prima.model`, …) export theirs in the same way.

Example:
    >>> import prima
    >>> release = prima.load_release()
    >>> simulated = next(prima.simulate_studies(1, seed=7, only=["trauma_subdural_hematoma"], subtlety=1))
    >>> findings = release.predict(simulated.study)
    >>> findings.status, findings.release.trained
    ('done', True)
    >>> [finding.name for finding in findings.diagnoses if finding.present and "subdural" in finding.name]
    ['trauma_subdural_hematoma']
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

__all__ = [
    "Engine",
    "Findings",
    "PredictOptions",
    "Study",
    "__version__",
    "evaluate_predictions",
    "load_release",
    "predict_studies",
    "read_study",
    "simulate_studies",
]

_ROOMS = {
    "Engine": "prima.model.engine",
    "Findings": "prima.study",
    "PredictOptions": "prima.predict",
    "Study": "prima.study",
    "evaluate_predictions": "prima.evaluate",
    "load_release": "prima.model.engine",
    "predict_studies": "prima.predict",
    "read_study": "prima.predict",
    "simulate_studies": "prima.simulate",
}


def __getattr__(name: str) -> Any:
    """A public name, loaded now."""
    if name in _ROOMS:
        return getattr(import_module(_ROOMS[name]), name)
    raise AttributeError(f"module 'prima' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
