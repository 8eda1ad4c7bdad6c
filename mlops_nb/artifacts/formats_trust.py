"""Which types of a skops file are constructed without being asked for.

skops lists every type and function that a file names and it does not know to be harmless. Constructing runs code of
that type (`__setstate__`, for some loaders the constructor), so "it is in a well-known package" is not enough:
`scipy.stats` distributions execute source text from their state, a `numpy.memmap` opens files, and
`sklearn.datasets.clear_data_home` deletes a folder. So a name is granted together with the way it is loaded:

1. estimators and their parts: any class defined in scikit-learn, rebuilt from its attributes and never called;
2. the functions of scikit-learn that estimators carry (scores, metrics, kernels), none that touches files;
3. pandas' dtypes and values, SciPy's sparse matrices and interpolators, NumPy's dtypes and scalar types.

Everything else, the rest of these packages included, has to be named in the output's `trusted` setting.
"""

from __future__ import annotations

import importlib
import io
import json
import re
import types
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts.blob import CorruptArtifact
from mlops_nb.artifacts.formats_pickle import is_pickle, modules_of_pickle

if TYPE_CHECKING:
    from collections.abc import Iterator

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)
_NAMED = frozenset(
    {
        ("numpy.dtype", "DTypeNode"),
        ("scipy._lib.array_api_compat.numpy._aliases.asarray", "FunctionNode"),
        ("scipy.interpolate._bsplines.BSpline", "ObjectNode"),
        ("scipy.interpolate._interpolate.interp1d", "ObjectNode"),
        # A crafted tree can point outside its arrays and crash the process: who may write to the store may do that.
        ("sklearn.tree._tree.Tree", "TreeNode"),
        ("sklearn.utils._bunch.Bunch", "DictNode"),
    }
)
_SKLEARN_WITH_FILES = frozenset({"_build_utils", "conftest", "datasets", "externals", "tests"})
_SKLEARN_FUNCTIONS = ("cluster", "feature_selection", "gaussian_process", "metrics", "neighbors", "preprocessing")
_PANDAS_OBJECTS = ("pandas._libs.", "pandas.core.")


@dataclass(frozen=True)
class Audit:
    """The names in a skops file that skops itself does not know: those granted here, and those nobody vouches for."""

    granted: tuple[str, ...]
    untrusted: tuple[str, ...]


def untrusted_types(data: bytes) -> tuple[str, ...]:
    """Return the types and functions of a skops file that are constructed only when they are named as trusted.

    Raises
    ------
    CorruptArtifact
        When it is no skops file, or not a whole one.
    """
    return audit(data).untrusted


def audit(data: bytes) -> Audit:
    """Return whom a skops file wants constructed; nothing of it is constructed for the answer.

    Raises
    ------
    CorruptArtifact
        When it is no skops file, or not a whole one.
    """
    from skops.io import get_untrusted_types

    loaders: dict[str, set[str]] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            schema = json.loads(archive.read("schema.json"))
        for node in nodes(schema):
            loaders.setdefault(f"{node['__module__']}.{node['__class__']}", set()).add(node["__loader__"])
        unknown = get_untrusted_types(data=data)
    except Exception as error:  # skops reads what the file says as it comes
        message = f"The model is no skops file this version reads: {type(error).__name__}: {error}."
        raise CorruptArtifact(message, hint="Run its step again, or install the skops it was written with.") from error
    # One name may be loaded in two ways; a method or a bit generator is a name that no node has.
    granted = [name for name in unknown if name in loaders and all(_granted(name, way) for way in loaders[name])]
    return Audit(tuple(granted), tuple(name for name in unknown if name not in granted))


def model_modules(data: bytes) -> set[str]:
    """Return the modules that a model's file names, without importing any.

    Raises
    ------
    CorruptArtifact
        When it is neither a skops file nor a pickle, or not a whole one.
    """
    if is_pickle(data):
        try:
            return modules_of_pickle(data)
        except Exception as error:  # whatever is in the file
            message = f"The model is no skops file, and no whole pickle: {type(error).__name__}: {error}."
            raise CorruptArtifact(message, hint="Run its step again.") from error
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            schema = json.loads(archive.read("schema.json"))
        return {str(node["__module__"]) for node in nodes(schema) if node.get("__module__")}
    except Exception as error:  # whatever is in the file
        message = f"The model is no skops file this version reads: {type(error).__name__}: {error}."
        raise CorruptArtifact(message, hint="Run its step again, or install the skops it was written with.") from error


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a skops schema in the order in which they are written."""
    if isinstance(schema, dict):
        if "__loader__" in schema:
            yield schema
        for item in schema.values():
            yield from nodes(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from nodes(item)


def _granted(name: str, loader: str) -> bool:
    if (name, loader) in _NAMED:
        return True
    if loader == "SparseMatrixNode":
        # The matrix is read by SciPy without pickle, whatever class the file names.
        return name.startswith("scipy.sparse.")
    if loader == "ObjectNode":
        of_sklearn = name.startswith("sklearn.") and _SKLEARN_WITH_FILES.isdisjoint(name.split("."))
        return (of_sklearn or name.startswith(_PANDAS_OBJECTS)) and isinstance(_defined(name), type)
    if loader == "FunctionNode":
        room = name.split(".")[1:2]
        public = name.startswith("sklearn.") and room[0] in _SKLEARN_FUNCTIONS and "tests" not in name.split(".")
        return public and isinstance(_defined(name), types.FunctionType)
    if loader == "TypeNode" and name.startswith("numpy."):
        import numpy as np

        found = _defined(name)
        return isinstance(found, type) and issubclass(found, np.generic)
    return False


def _defined(name: str) -> Any:
    """Return what an installed package defines under a dotted name; not what it merely imports from elsewhere."""
    if not _DOTTED.fullmatch(name):
        return None
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except Exception:  # noqa: BLE001 - importing a module by a name from a file may fail in any way
        return None
    # scikit-learn wraps functions with decorators that keep the module's name.
    return found if getattr(found, "__module__", None) == module else None
