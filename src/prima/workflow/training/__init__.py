"""The stages of `prima train` over an archive or a folder of tokens, from patches to calibrated heads."""

from typing import TYPE_CHECKING

from prima.files.lazy import lazy_exports

if TYPE_CHECKING:
    from prima.workflow.training.clip import train_clip
    from prima.workflow.training.heads import train_heads
    from prima.workflow.training.names import train_names
    from prima.workflow.training.stage import StageOptions, StageResult
    from prima.workflow.training.tokenizer import train_tokenizer
    from prima.workflow.training.zero_shot import ZeroShotResult, measure_zero_shot

__all__ = [
    "StageOptions",
    "StageResult",
    "ZeroShotResult",
    "measure_zero_shot",
    "train_clip",
    "train_heads",
    "train_names",
    "train_tokenizer",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "StageOptions": "stage",
        "StageResult": "stage",
        "ZeroShotResult": "zero_shot",
        "measure_zero_shot": "zero_shot",
        "train_clip": "clip",
        "train_heads": "heads",
        "train_names": "names",
        "train_tokenizer": "tokenizer",
    },
)
