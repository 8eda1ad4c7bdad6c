"""The finder of a forked kernel: what the template has put aside comes back when it is imported.

It stands in front of all other finders. With a module comes everything that its own import had needed, and what that
import did to the process is done again.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from mlops_nb.execution.kernels.template_modules import Known


class BringsBack:
    """The finder of a forked kernel: brings back what was put aside, when it is imported."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._aside = dict(known.aside)
        self._lock = threading.RLock()
        # What came back so far, while somebody sees each import.
        self._one_by_one: set[str] | None = None

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return a spec for a module that was put aside, unless the kernel would now find another one."""
        del path, target
        if name not in self._aside or self._is_another(name):
            return None
        kept = getattr(self._aside[name], "__spec__", None)
        spec = ModuleSpec(name, _Back(self, name, kept), origin=getattr(kept, "origin", None))  # type: ignore[arg-type]
        spec.submodule_search_locations = getattr(kept, "submodule_search_locations", None)
        return spec

    def held(self, name: str) -> Any:
        """Return a module, aside or not, or nothing."""
        return self._aside.get(name) or sys.modules.get(name)

    def _is_another(self, name: str) -> bool:
        """Say whether the path leads to another module of that name by now; then none of that package comes back."""
        top = name.partition(".")[0]
        spec = getattr(self._aside.get(top), "__spec__", None)
        if spec is None or spec.origin in {"built-in", "frozen"}:
            return False
        found = PathFinder.find_spec(top)
        if found is None or found.origin == spec.origin:
            return False
        for each in [each for each in self._aside if each.partition(".")[0] == top]:
            del self._aside[each]
        return True

    def bring(self, name: str) -> None:
        """Put a module that is being imported, and all that its import brings, back into `sys.modules`."""
        with self._lock:
            if self._one_by_one is not None:
                self._one(name, self._one_by_one)
                return
            names = [each for each in self._known.reach(name) if each in self._aside]
            tops = dict.fromkeys(each.partition(".")[0] for each in names)
            others = {top for top in tops if top in self._aside and self._is_another(top)}
            if sys.meta_path[0] is not self:
                # Somebody wants to see each import.
                self._bring_one_by_one(name, names)
                return
            back = {each for each in names if each.partition(".")[0] not in others}
            for each in names:
                if each in back and each in self._aside:
                    sys.modules[each] = self._aside.pop(each)
                    self._known.attach(each)
            self._again(back)

    def _bring_one_by_one(self, name: str, names: list[str]) -> None:
        back: set[str] = set()
        self._one_by_one = back
        try:
            self._one(name, back)
            for each in names:
                if each in sys.modules:
                    continue
                package = each.rpartition(".")[0]
                if package and not hasattr(self.held(package), "__path__"):
                    # An extension module, or a package for it, has put it there: nobody can import it.
                    self._one(each, back)
                else:
                    with contextlib.suppress(ImportError), _its_name_kept(each):
                        importlib.import_module(each)
        finally:
            self._one_by_one = None
            # A package comes back before its modules, whose code ran before its own had ended.
            self._again(back)

    def _one(self, name: str, back: set[str]) -> None:
        if name in self._aside:
            sys.modules[name] = self._aside.pop(name)
            self._known.attach(name)
            back.add(name)

    def _again(self, names: set[str]) -> None:
        for whose, again in self._known.effects:
            if whose in names:
                again()


@contextlib.contextmanager
def _its_name_kept(module: str) -> Iterator[None]:
    """Keep what a package has under the name of a module of its own, which an import gives to the module.

    `unittest.main` is a class: the package has bound it after it had imported `unittest.main`.
    """
    package, _, name = module.rpartition(".")
    names = getattr(sys.modules.get(package), "__dict__", {})
    before = names.get(name)
    yield
    if before is not None and names.get(name) is not before:
        names[name] = before


class _Back:
    """The loader of a module that comes back."""

    def __init__(self, finder: BringsBack, name: str, kept: ModuleSpec | None) -> None:
        self._finder = finder
        self._name = name
        self._kept = kept

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module itself."""
        return self._finder.held(spec.name)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        """Give it its own spec and loader back, and what it needs; its code has run."""
        # As in an import: what refuses one, such as a module of settings, has its own still.
        with contextlib.suppress(AttributeError):
            if self._kept is not None:
                module.__spec__ = self._kept
        self._finder.bring(self._name)
