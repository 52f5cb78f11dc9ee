"""Simulated studies as training data and predictions, in memory, prepared by the engine as those of an archive are."""

from typing import TYPE_CHECKING

from prima.files.lazy import lazy_exports

if TYPE_CHECKING:
    from prima.workflow.simulated.data import SimulatedData, demo_data
    from prima.workflow.simulated.examples import SimulatedExample, make_example
    from prima.workflow.simulated.familiarity import make_familiar
    from prima.workflow.simulated.patches import make_patches
    from prima.workflow.simulated.predictions import predict_tokens
    from prima.workflow.simulated.tokens import make_tokens

__all__ = [
    "SimulatedData",
    "SimulatedExample",
    "demo_data",
    "make_example",
    "make_familiar",
    "make_patches",
    "make_tokens",
    "predict_tokens",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "SimulatedData": "data",
        "SimulatedExample": "examples",
        "make_familiar": "familiarity",
        "demo_data": "data",
        "make_example": "examples",
        "make_patches": "patches",
        "make_tokens": "tokens",
        "predict_tokens": "predictions",
    },
)
