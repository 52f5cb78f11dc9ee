"""The names a foreign checkpoint may use, and what each becomes here.

Nothing is imported because a checkpoint names it: a name is either one of our own builders, a value of ours, or an
inert stand-in that keeps what it is given. Every other name is refused.
"""

import re

import torch

from prima.errors import CheckpointError
from prima.model.convert.builders import BUILDERS
from prima.model.convert.inert import Builder, InertClass
from prima.model.convert.lazy_tensor import STORAGE_DTYPES, StorageType

# the reference's own modules; its classes may also have been defined in the script that saved them
INERT_MODULES = frozenset(
    {
        "complete_visual_model",
        "model",
        "model_parts",
        "patchify",
        "RachelDatasetPatchifier",
        "__main__",
    }
)
# libraries whose modules and configurations a model holds, with everything below them
INERT_PACKAGES = (
    "torch.nn",
    "torch._C._nn",
    "transformers",
    "tokenizers",
    "monai",
    "flash_attn",
    "einops",
    "timm",
    "omegaconf",
    "pytorch_lightning",
    "lightning",
)
INERT_NAMES = frozenset(
    {
        ("torch", "Tensor"),
        ("torch", "device"),
        ("torch.serialization", "_get_layout"),
        ("builtins", "object"),
        ("numpy", "ndarray"),
        ("argparse", "Namespace"),
        ("pathlib", "PosixPath"),
        ("pathlib", "WindowsPath"),
    }
)
# the same thing under the names it had and has
RENAMED_MODULES = {
    "__builtin__": "builtins",
    "numpy._core.multiarray": "numpy.core.multiarray",
    "torch.cuda": "torch",
    "torch.storage": "torch",
}
TENSOR_DTYPES: dict[str, torch.dtype] = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (*STORAGE_DTYPES.values(), torch.uint16, torch.uint32, torch.uint64)
}
IDENTIFIER = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


def find_name(module: str, name: str) -> object:
    """Return what `module.name` stands for: a Builder, a StorageType, a dtype or an InertClass.

    Raises CheckpointError, with the name, when it is not on the list.

    >>> find_name("model_parts", "Attention")
    InertClass(module='model_parts', name='Attention')
    """
    known = (RENAMED_MODULES.get(module, module), name)
    if known in BUILDERS:
        return Builder(BUILDERS[known])
    if known[0] == "torch" and name in STORAGE_DTYPES:
        return StorageType(STORAGE_DTYPES[name])
    if known[0] == "torch" and name in TENSOR_DTYPES:
        return TENSOR_DTYPES[name]
    in_package = any(module == package or module.startswith(package + ".") for package in INERT_PACKAGES)
    listed = in_package or module in INERT_MODULES or known in INERT_NAMES
    if listed and IDENTIFIER.fullmatch(module) and IDENTIFIER.fullmatch(name):
        return InertClass(module, name)
    raise CheckpointError(
        f"checkpoint names {f'{module}.{name}'[:200]!a}, which is not on the list of names a checkpoint may use "
        "(tensors, containers, numbers, stand-ins for a model's classes); nothing of it was run"
    )
