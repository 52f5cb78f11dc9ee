"""What Python executes of a module, to say by a hash whether code changed."""

from __future__ import annotations

import ast


def executed_code(source: str) -> str:
    """What Python executes of a module: its syntax tree without docstrings.

    Example:
        >>> executed_code("x = 1  # one") == executed_code("x = 1")
        True
        >>> executed_code("x = 1") == executed_code("x = 2")
        False
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node, clean=False) is not None:  # type: ignore[arg-type]
            node.body = node.body[1:]  # type: ignore[attr-defined]
    return ast.dump(tree)
