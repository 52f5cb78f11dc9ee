"""Walks the stand-ins of an `nn.Module` tree as torch would walk the modules."""

from collections.abc import Iterator, Mapping
from typing import Any

from prima.errors import CheckpointError
from prima.model.convert.inert import Inert
from prima.model.convert.lazy_tensor import LazyTensor

WRAPPERS = frozenset({"DataParallel", "DistributedDataParallel"})
MAX_DEPTH = 100
MAX_MODULES = 100_000
"""Modules and tensors that a walk meets; one that is reached in many ways counts each time."""
MAX_NAME = 1000


def unwrap(module: object) -> Inert:
    """Return the module inside any `DataParallel` around it; raises CheckpointError when there is no module."""
    for _ in range(MAX_DEPTH):
        if not isinstance(module, Inert):
            raise CheckpointError(f"the checkpoint holds a {type(module).__name__} where a module is expected")
        if module.name not in WRAPPERS:
            return module
        module = _table(module, "_modules").get("module")
    raise CheckpointError("the checkpoint wraps a module in itself")


def module_tensors(root: object) -> dict[str, LazyTensor]:
    """Return the parameters and persistent buffers of a module, or the tensors of a state dict, by dotted name.

    The names are those of torch's `state_dict()` without the `module.` of DataParallel. A module that is reached in
    two ways is listed under both names, as torch does. Raises CheckpointError when `root` is neither, when a name
    stands for something else than a tensor, and when modules hold each other in a circle.
    """
    if isinstance(root, Mapping):
        return _state_dict_tensors(root)
    found: dict[str, LazyTensor] = {}
    for num_met, (name, tensor) in enumerate(_walk(unwrap(root), "", 0)):
        if num_met > MAX_MODULES:
            raise CheckpointError(f"modules hold each other in more than {MAX_MODULES:,} ways, no model does")
        if len(name) > MAX_NAME:
            raise CheckpointError(f"a name of more than {MAX_NAME} letters: {name[:40]!a}")
        if tensor is not None:
            found[name] = tensor
    return found


def module_at(root: object, dotted_name: str) -> Inert:
    """Return the sub-module `a.b.c` of `root` (`""` is `root`), DataParallel left out.

    Its plain attributes (`heads`, `scale`, …) are in its `state`. Raises CheckpointError when there is none.
    """
    module = unwrap(root)
    for name in dotted_name.split(".") if dotted_name else ():
        children = _table(module, "_modules")
        if children.get(name) is None:
            known = ", ".join(map(ascii, children)) or "nothing"
            raise CheckpointError(
                f"the checkpoint has no module {dotted_name}: {module.name} holds {known} but no {name}"
            )
        module = unwrap(children[name])
    return module


def _walk(module: Inert, prefix: str, depth: int) -> Iterator[tuple[str, LazyTensor | None]]:
    """Every tensor with its name, and every module with none."""
    yield prefix, None
    if depth > MAX_DEPTH:
        raise CheckpointError(f"modules are nested deeper than {MAX_DEPTH} levels at {prefix[:80]!a}")
    passing = module.state.get("_non_persistent_buffers_set") or ()
    held = list(_table(module, "_parameters").items())
    held += [(name, value) for name, value in _table(module, "_buffers").items() if name not in passing]
    for name, value in held:
        if value is None:
            continue
        if not isinstance(value, LazyTensor):
            raise CheckpointError(f"{prefix + name!a} is a {type(value).__name__}; expected a tensor")
        yield prefix + name, value
    for name, child in _table(module, "_modules").items():
        if child is not None:
            yield from _walk(unwrap(child), f"{prefix}{name}.", depth + 1)


def _table(module: Inert, attribute: str) -> dict[Any, Any]:
    table = module.state.get(attribute, {})
    if not isinstance(table, dict) or not all(isinstance(name, str) for name in table):
        raise CheckpointError(f"{module.module}.{module.name} has {attribute} that are not a table of names")
    return table


def _state_dict_tensors(table: Mapping[Any, Any]) -> dict[str, LazyTensor]:
    tensors: dict[str, LazyTensor] = {}
    for name, value in table.items():
        if not isinstance(name, str) or not isinstance(value, LazyTensor):
            raise CheckpointError(f"entry {ascii(name)[:80]} is a {type(value).__name__}; expected a name and a tensor")
        tensors[name] = value
    if tensors and all(name.startswith("module.") for name in tensors):
        return {name.removeprefix("module."): value for name, value in tensors.items()}
    return tensors
