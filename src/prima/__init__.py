"""openprima: from a raw brain-MRI study to findings. Research use only; it does not diagnose."""

__version__ = "0.1.0"
