"""What the code of the project's own modules holds beside their variables: nobody can carry it.

Class attributes, defaults and attributes of functions, what closures count, what caches are filled with. As each module
has been imported, this is noted; when it is something else at the end of a step, the steps that follow stay in its
process.
"""

from __future__ import annotations

import sys
import types
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import CannotFingerprint, fingerprint
from mlops_nb.handover.process_state import is_of_project, module_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CODE = "@code:"
PROBLEM = "its code holds what a step has changed: a class attribute, a default, a closure or a cache"
_SELDOM_CHANGE = (type, types.ModuleType, property, types.GetSetDescriptorType, types.MemberDescriptorType)


@dataclass
class ImportWatch:
    """A finder ahead of the others, which finds nothing itself and notes what a module of the project begins with."""

    code: dict[str, str] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    _inside: bool = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return what the other finders find, with a loader that notes the module when it has run."""
        if self._inside:
            return None
        self._inside = True
        try:
            specs = (
                finder.find_spec(name, path, target) for finder in list(sys.meta_path) if hasattr(finder, "find_spec")
            )
            spec = next((found for found in specs if found is not None), None)
        finally:
            self._inside = False
        run: Callable[[types.ModuleType], None] | None = getattr(spec and spec.loader, "exec_module", None)
        if spec is None or run is None or not is_of_project(name, spec.origin):
            return spec

        def run_and_note(module: types.ModuleType) -> None:
            vars(spec.loader).pop("exec_module", None)
            run(module)
            self.note(module)

        # On the loader and not around it: who asks for a module's loader gets its own.
        with suppress(TypeError):
            vars(spec.loader)["exec_module"] = run_and_note
        return spec

    def note(self, module: types.ModuleType) -> None:
        """Note what a module holds now."""
        self.code[module.__name__] = _print(_code_state(module))
        self.data[module.__name__] = _print(module_data(module))

    def changed_code(self) -> dict[str, str]:
        """Return the modules whose code holds something else than when they had been imported, with its print."""
        found = {}
        for name, before in list(self.code.items()):
            module = sys.modules.get(name)
            if module is not None and (now := _print(_code_state(module))) != before:
                found[name] = now
        return found

    def is_as_imported(self, name: str) -> bool:
        """Say whether the variables of a module are what they were when it had been imported."""
        module = sys.modules.get(name)
        return module is not None and self.data.get(name) == _print(module_data(module))


def watch_imports() -> ImportWatch:
    """Return the watch of this process, which begins now if there was none."""
    for finder in sys.meta_path:
        if isinstance(finder, ImportWatch):
            return finder
    watch = ImportWatch()
    sys.meta_path.insert(0, watch)
    return watch


def _code_state(module: types.ModuleType) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if isinstance(value, type):
            for own, held in vars(value).items():
                inner = getattr(held, "__func__", held)
                state = dict(_of_function(inner)) if callable(inner) else {"value": held}
                if not (own.startswith("__") and own.endswith("__") and not callable(inner)):
                    found |= {f"{name}.{own}:{kind}": part for kind, part in state.items()}
        elif callable(value):
            found |= {f"{name}:{kind}": part for kind, part in _of_function(value)}
    return {key: value for key, value in found.items() if not isinstance(value, _SELDOM_CHANGE)}


def _of_function(function: Any) -> Iterator[tuple[str, Any]]:
    if hasattr(function, "cache_info"):
        yield "cache", tuple(function.cache_info())
    inner = getattr(function, "__wrapped__", function)
    if not isinstance(inner, types.FunctionType):
        return
    yield "defaults", (inner.__defaults__, inner.__kwdefaults__)
    for key, value in vars(inner).items():
        if key != "__wrapped__":
            yield f"attribute {key}", value
    for number, cell in enumerate(inner.__closure__ or ()):
        try:
            held = cell.cell_contents
        except ValueError:
            continue
        if not callable(held):
            yield f"closure {number}", held


def _print(state: dict[str, Any]) -> str:
    parts = []
    for key, value in state.items():
        try:
            parts.append((key, fingerprint(value)))
        except (CannotFingerprint, RecursionError):
            # Nobody can look into it: another object is another state, and an open file moves on.
            parts.append((key, str(id(value)) if type(value).__module__ != "_io" else str(_position(value))))
    return fingerprint(parts)


def _position(file: Any) -> Any:
    try:
        return file.closed or file.tell()
    except (OSError, ValueError):
        return id(file)
