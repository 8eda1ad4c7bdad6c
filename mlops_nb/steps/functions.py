"""The functions and classes that a notebook's cells define at their top, and which of them call which."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, TypeVar

from mlops_nb.steps.magic_code import tree_with_magics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_nb.notebook import Cell

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_T = TypeVar("_T")


def functions_of(cells: Iterable[Cell]) -> dict[str, ast.AST]:
    """Return the functions that the cells define at their top, by name."""
    return {
        node.name: node for cell in cells for node in tree_with_magics(cell.source).body if isinstance(node, FUNCTIONS)
    }


def classes_of(cells: Iterable[Cell]) -> dict[str, ast.AST]:
    """Return the classes that the cells define at their top, by name."""
    trees = (tree_with_magics(cell.source) for cell in cells)
    return {node.name: node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}


def with_callers(found: Mapping[str, _T], functions: Mapping[str, ast.AST]) -> dict[str, _T]:
    """Return what was found of functions, and the same of those that name them, directly or through others."""
    named = {
        name: {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} for name, node in functions.items()
    }
    every = dict(found)
    while more := {
        name: every[other] for name, used in named.items() if name not in every for other in used & every.keys()
    }:
        every |= more
    return every
