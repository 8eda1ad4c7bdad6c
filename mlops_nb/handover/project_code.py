"""The modules of the project, the code beside the notebook: what they hold, and what nobody can carry of it.

1. As each module has been imported, it is noted what it begins with.
2. Its variables are carried: those that are code only where they stand for other code than the module began with.
3. What its code holds (class attributes, defaults and attributes of functions, what closures count, what caches are
   filled with) nobody can carry. It is there as imported, and that is told to the steps that follow: an import that
   makes something else is found before a step computes with it. When a step has changed it, or has written a
   module's file anew, they stay in its process.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import fingerprint, fingerprint_if_known, is_of_project, project_modules
from mlops_nb.handover.asked import tell_of_module
from mlops_nb.handover.changed_places import in_words
from mlops_nb.handover.groups import UNKNOWN
from mlops_nb.handover.module_slots import tie
from mlops_nb.handover.module_state import (
    BOUND,
    MODULE,
    Imported,
    code_of,
    imported_now,
    parts_of,
    print_of_part,
)
from mlops_nb.handover.object_state import notebook_namespace, print_of
from mlops_nb.handover.reached import reached_from

if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Collection, Iterator, Mapping
    from importlib.machinery import ModuleSpec

    from mlops_nb.handover.module_state import Place, Variables
    from mlops_nb.handover.patches import Libraries
    from mlops_nb.handover.state import Covariable

CODE = "@code:"
Told = tuple[str, tuple[tuple[str, str], ...]]
PROBLEM = "its code holds what a step has changed"
WRITTEN = "its file has been written since it was imported"


@dataclass
class ImportWatch:
    """A finder ahead of the others, which finds nothing itself and notes what a module of the project begins with.

    While the notebook's code runs, `libraries` notes what other modules hold when the outermost import has ended.
    """

    modules: dict[str, Imported] = field(default_factory=dict)
    libraries: Libraries | None = None
    _inside: bool = False
    _running: int = 0

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
        ours = spec is not None and is_of_project(name, spec.origin)
        tell_of_module(name, path, None if spec is None else _place_of(spec))
        run: Callable[[types.ModuleType], None] | None = getattr(spec and spec.loader, "exec_module", None)
        if spec is None or run is None:
            return spec
        if not ours and (self.libraries is None or self._running):
            return spec

        def run_and_note(module: types.ModuleType) -> None:
            vars(spec.loader).pop("exec_module", None)
            self._running += 1
            try:
                run(module)
            finally:
                self._running -= 1
            if ours:
                self.note(module)
            if self.libraries is not None and not self._running:
                self.libraries.note_imported()

        # On the loader and not around it: who asks for a module's loader gets its own.
        with suppress(TypeError):
            vars(spec.loader)["exec_module"] = run_and_note
        return spec

    def note(self, module: types.ModuleType) -> None:
        """Note what a module holds now."""
        self.modules[module.__name__] = imported_now(module, self.modules)

    def _loaded(self) -> Iterator[tuple[str, types.ModuleType, Imported]]:
        for name, imported in list(self.modules.items()):
            module = sys.modules.get(name)
            if module is not None:
                yield name, module, imported

    def variables(self, patched: Collection[Place] = ()) -> dict[str, Any]:
        """Return what is to be carried of the loaded modules, by the name under which it is.

        Parameters
        ----------
        patched
            Attributes that are carried anyway.
        """
        return {
            f"{part}{name}": held
            for name, module in project_modules()
            for part, held in parts_of(module, self.modules, patched).items()
            if any(held)
        }

    def changed_code(self, patched: Collection[Place] = ()) -> dict[str, tuple[str, str]]:
        """Return the modules whose code is not what importing them would make, with its print and why it is not."""
        found = {}
        for name, module, imported in self._loaded():
            carried = {f"{path}.{attribute}".lstrip(".") for home, path, attribute in patched if home == name}
            now = code_of(module, self.modules)
            places = (now.keys() | imported.code.keys()) - carried
            if changed := [place for place in places if now.get(place) != imported.code.get(place)]:
                print_ = fingerprint({place: held.here for place, held in now.items()})
                found[name] = (print_, f"{PROBLEM}: {in_words(module, changed)}")
            elif imported.file is not None and imported.file.is_another():
                found[name] = (imported.file.content, WRITTEN)
        return found

    def as_imported(self, name: str, parts: Collection[str]) -> Told | None:
        """Return what tells the import of a module from one that made something else; `None` for an unknown one.

        Parameters
        ----------
        name
            The module.
        parts
            Those of its variables that count too, because they are not carried.
        """
        imported = self.modules.get(name)
        if imported is None:
            return None
        held = {key: print_.anywhere for key, print_ in imported.code.items() if print_.anywhere}
        data = {part: imported.data[part].anywhere for part in sorted(parts) if part in imported.data}
        return fingerprint(held), tuple(data.items())

    def told_of_imports(self, changed: Collection[str], stays: Collection[str]) -> dict[str, Told]:
        """Return what tells the imports of the project's modules from ones that would make something else.

        Parameters
        ----------
        changed
            The modules whose code has changed since.
        stays
            Names of what cannot be carried: of modules among them the variables are those that the import makes.
        """
        found = {}
        for name, _ in project_modules():
            told = self.as_imported(name, [part for part in (MODULE, BOUND) if f"{part}{name}" in stays])
            if told is not None and name not in changed:
                found[f"{CODE}{name}"] = told
        return found

    def made_something_else(self, told: Mapping[str, Told]) -> list[str]:
        """Return those names under which is told what the import of a module made that made something else here."""
        found = []
        for name, (code, data) in told.items():
            here = self.as_imported(name.removeprefix(CODE), dict(data))
            if here is not None and here != (code, data):
                found.append(name)
        return sorted(found)

    def comes_by_import(self, name: str) -> bool:
        """Say whether what has this name is variables of a module that importing it makes as they are."""
        part, module_name = _parted(name)
        module, imported = sys.modules.get(module_name), self.modules.get(module_name)
        if module is None or imported is None or part not in imported.data:
            return False
        parts = parts_of(module, self.modules)
        # Where nobody can look into a thing, a variable beside it that has changed says that it may have changed too.
        asked = (MODULE, BOUND) if part == BOUND and imported.data[part].opaque else (part,)
        if part == BOUND and reached_from(parts[part]) is None:
            # Nobody knows what else holds a part of it.
            return False
        return all(imported.data.get(key) == print_of_part(parts[key]) for key in asked)

    def made_by_import(self, held: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
        """Return what nobody can carry of `variables` and importing the modules makes as it is, by module and name."""
        return {
            (_parted(name)[1], own): value
            for name, part in held.items()
            if name.startswith(BOUND) and self.comes_by_import(name)
            for own, value in part[0]
        }

    def naming(self, item: Covariable) -> Covariable:
        """Return what cannot leave its process with the names of what it is, where it is a module's."""
        for name in item.names:
            part, module_name = _parted(name)
            if item.problem and part == BOUND:
                names = ", ".join(f"`{own}`" for own, _ in parts_of(sys.modules[module_name], self.modules)[part][0])
                item = replace(item, problem=f"{names}: {item.problem}")
        return item

    def put(self, name: str, value: Variables, known: str) -> None:
        """Put back into a module what was carried of it, and take out what is no longer in it.

        Parameters
        ----------
        name
            That of the module, and before it the part.
        value
            What `variables` returned for it.
        known
            The fingerprint that it was carried with, if nothing else shares its objects: what the import has made
            stays then, if it is the same.
        """
        part, module_name = _parted(name)
        module = importlib.import_module(module_name)
        here = parts_of(module, self.modules).get(part, ((), (), ()))
        if known and (
            known == fingerprint_if_known(here, namespace=notebook_namespace())
            or (known.startswith(UNKNOWN) and _alike(here, value))
        ):
            return
        now, (carried, deleted, held_by_code) = dict(here[0]), value
        for gone in (*(own for own in now if own not in dict(carried)), *deleted):
            vars(module).pop(gone, None)
        vars(module).update(carried)
        tie(module, {id(now[own]): dict(carried)[own] for own in held_by_code if own in now})


def _place_of(spec: ModuleSpec) -> str:
    """Return where a module lies; of a package without code, its folder."""
    return spec.origin or next(iter(spec.submodule_search_locations or ()), spec.name)


def _alike(one: Variables, other: Variables) -> bool:
    """Say whether variables without a fingerprint are the same as far as anyone can look."""
    shell = notebook_namespace()
    return print_of(one, shell).anywhere == print_of(other, shell).anywhere


def _parted(name: str) -> tuple[str, str]:
    """Return the part and the module that a name stands for under which variables of a module are carried."""
    part, colon, module = name.partition(":")
    return f"{part}{colon}", module


def watch_imports() -> ImportWatch:
    """Return the watch of this process, which begins now if there was none."""
    for finder in sys.meta_path:
        if isinstance(finder, ImportWatch):
            return finder
    watch = ImportWatch()
    sys.meta_path.insert(0, watch)
    return watch
