"""Packages that a template has loaded, and that a kernel forked from it gets back at its own import statements.

A forked kernel must look like one that was just started: no `sys.modules["pandas"]` before the notebook imports pandas,
no warning filter of scikit-learn before it imports scikit-learn. So what is loaded ahead is taken out of `sys.modules`
again and kept aside, with a note of what each module's import needed and did to the process: warning filters,
environment variables, warnings and text that it gave. `template_finder` brings it back in the kernel.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import importlib.util
import os
import sys
import warnings
from dataclasses import dataclass, field
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mlops_nb.execution.kernels.template_settings import MatplotlibSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence


@dataclass
class Known:
    """What was seen while modules were loaded ahead."""

    aside: dict[str, ModuleType] = field(default_factory=dict)
    needs: dict[str, set[str]] = field(default_factory=dict)
    # In the order in which they happened: the module whose code did it, and how to do it again.
    effects: list[tuple[str, Callable[[], None]]] = field(default_factory=list)
    # Environment variables that the code of modules looked at: a kernel where they differ would load them otherwise.
    variables: set[str] = field(default_factory=set)
    tried: set[str] = field(default_factory=set)
    detached: dict[str, ModuleType] = field(default_factory=dict)

    def load(self, names: Iterable[str]) -> None:
        """Import modules and put all that was loaded aside; one that cannot be imported is left to the kernels."""
        new = [name for name in names if name not in self.tried]
        if not new:
            return
        known = frozenset(self.aside)
        sys.modules.update(self.aside)
        for name in list(self.detached):
            self.attach(name)
        before = set(sys.modules) - set(self.aside)
        lazy = {
            name: set(held) for name in before if "__getattr__" in (held := getattr(sys.modules[name], "__dict__", {}))
        }
        filters, environ = list(warnings.filters), dict(os.environ)
        with _Watching(self):
            for name in new:
                self.tried.add(name)
                # A package may fail with whatever it likes; it will do so again, with its traceback, in the kernel.
                with contextlib.suppress(Exception):
                    builtins.__import__(name)
        for name in [name for name in sys.modules if name not in before]:
            module = sys.modules.pop(name)
            if module is sys.modules["__main__"]:
                # What multiprocessing calls the program; each kernel is one of its own.
                self.effects.append(("multiprocessing", partial(_name_the_program, name)))
            else:
                self.aside[name] = module
        if "matplotlib" in self.aside and "matplotlib" not in known:
            with contextlib.suppress(OSError, RuntimeError):
                self.effects.append(("matplotlib", MatplotlibSettings.read_by(self.aside["matplotlib"])))
        self._detach()
        self._forget(lazy)
        set_filters(filters)
        os.environ.clear()
        os.environ.update(environ)

    def _detach(self) -> None:
        """Take modules off their packages, whose own import does not bring them: `numpy.random`, `xml.dom`.

        Else `from xml import dom` would find the name there and import nothing, and who looks into `sys.modules` for
        what is in use would miss them; and `xml.dom` without an import would be no error.
        """
        reached: dict[str, frozenset[str]] = {}
        for name, module in self.aside.items():
            package, _, child = name.rpartition(".")
            parent = self.aside.get(package)
            if parent is None:
                # A kernel has the package when it starts, and not this module of it.
                parent = sys.modules.get(package)
            if parent is None or vars(parent).get(child) is not module:
                continue
            if package not in reached:
                reached[package] = frozenset(self.reach(package))
            if name not in reached[package]:
                delattr(parent, child)
                self.detached[name] = parent

    def _forget(self, lazy: Mapping[str, set[str]]) -> None:
        """Let packages that a kernel has when it starts ask again for what they import lazily, and keep by its name.

        `concurrent.futures.ThreadPoolExecutor` is in a module that nobody has imported yet.
        """
        for name, before in lazy.items():
            package = sys.modules[name]
            for own in vars(package).keys() - before:
                if getattr(vars(package)[own], "__module__", None) in self.aside:
                    delattr(package, own)

    def attach(self, name: str) -> None:
        """Give a package back the module that was taken off it."""
        parent = self.detached.pop(name, None)
        if parent is not None:
            setattr(parent, name.rpartition(".")[2], self.aside[name])

    def reach(self, name: str) -> list[str]:
        """Return the modules aside that a module's import brings, itself among them, in the order of their loading."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            at = waiting.pop()
            if at in found:
                continue
            found.add(at)
            waiting += self.needs.get(at, ())
            # `import a.b` imports `a`.
            if "." in at:
                waiting.append(at.rpartition(".")[0])
        return [at for at in self.aside if at in found]


class _Watching:
    """Notes whose code imports what, and what it does to the process, while it is entered."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._running: list[str] = []
        self._seen = set(sys.modules)
        self._restore = contextlib.ExitStack()
        self._filters: list[Any] = list(warnings.filters)
        self._environ = dict(os.environ)
        self._data: Any = dict(os.environ._data)  # type: ignore[attr-defined]  # noqa: SLF001
        self._asked_spec, self._asked_package = _asked_classes(self._imported)

    def __enter__(self) -> None:
        keep = self._restore.callback
        keep(self._ask_no_more)
        for module in list(sys.modules.values()):
            self._ask(module)
        sys.meta_path.insert(0, self)
        keep(sys.meta_path.remove, self)
        for owner, name, value in (
            (builtins, "__import__", self._import_with(builtins.__import__)),
            (importlib, "import_module", self._import_module_with(importlib.import_module)),
            (warnings, "showwarning", self._warned),
            (type(os.environ), "__getitem__", self._read_with(type(os.environ).__getitem__)),
            (sys, "stdout", _Forwarding("stdout", self._said)),
            (sys, "stderr", _Forwarding("stderr", self._said)),
        ):
            keep(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)

    def __exit__(self, *_: object) -> None:
        self._restore.close()

    # --- whose code runs

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec that the other finders give, with a loader that says when the module's code runs."""
        for finder in [finder for finder in sys.meta_path if finder is not self]:
            spec = finder.find_spec(name, path, target) if hasattr(finder, "find_spec") else None
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader, self)  # type: ignore[assignment]
                return spec
        return None

    @contextlib.contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Say that a module's code runs in the block."""
        self.settle()
        if self._running:
            self._needs(self._running[-1], name)
        self._running.append(name)
        self._seen.add(name)
        try:
            yield
        finally:
            self.settle()
            # Extension modules may put modules there that nobody imports, such as the types that Cython shares.
            put = sys.modules.keys() - self._seen
            self._needs(name, *put)
            self._seen |= put
            self._running.pop()
            for each in (name, *put):
                self._ask(sys.modules.get(each))

    def _ask(self, module: ModuleType | None) -> None:
        """Have a loaded module say when it is imported once more, or asked for a module that it imports lazily."""
        spec = getattr(module, "__spec__", None)
        if type(spec) is ModuleSpec:
            spec.__class__ = self._asked_spec
        if type(module) is ModuleType and "__getattr__" in vars(module):
            module.__class__ = self._asked_package

    def _ask_no_more(self) -> None:
        for module in list(sys.modules.values()):
            spec = getattr(module, "__spec__", None)
            if type(spec) is self._asked_spec:
                spec.__class__ = ModuleSpec
            if type(module) is self._asked_package:
                module.__class__ = ModuleType

    def _imported(self, name: str) -> None:
        self._needs(self._running[-1] if self._running else "", name)

    def _needs(self, importer: str, *names: str) -> None:
        self._known.needs.setdefault(importer, set()).update(name for name in names if name != importer)

    def _import_with(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def import_(
            name: str,
            globals: Any = None,  # noqa: A002 - the names of what it stands for
            locals: Any = None,  # noqa: A002
            fromlist: Any = (),
            level: int = 0,
        ) -> Any:
            found = original(name, globals, locals, fromlist, level)
            package = (globals or {}).get("__package__") or ""
            with contextlib.suppress(ImportError):
                full = importlib.util.resolve_name("." * level + name, package) if level else name
                named = [full, *(f"{full}.{item}" for item in fromlist or () if isinstance(item, str))]
                # Whose code runs, and not in which file the statement stands: a function may import for its caller.
                self._needs(self._running[-1] if self._running else "", *named)
            return found

        return import_

    def _import_module_with(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def import_module(name: str, package: str | None = None) -> Any:
            found = original(name, package)
            self._imported(importlib.util.resolve_name(name, package))
            return found

        return import_module

    # --- what it does

    def _did(self, again: Callable[[], None]) -> None:
        if self._running:
            self._known.effects.append((self._running[-1], again))

    def settle(self) -> None:
        """Lay what has changed since the last call to the module whose code runs."""
        # At every module's begin and end, so nothing is copied that did not change.
        if warnings.filters != self._filters:
            filters, before = list(warnings.filters), self._filters
            gone = [item for item in before if item not in filters]
            # Python puts a filter in front unless it is told to append it.
            known = {repr(item) for item in before}
            new = [item for item in filters if repr(item) not in known]
            front = [item for item in new if filters.index(item) < len(new)]
            self._filters = filters
            back = [item for item in new if item not in front]
            whose = self._running[-1] if self._running else ""
            self._did(lambda: _filter_again(whose, gone, front, back))
        if os.environ._data != self._data:  # type: ignore[attr-defined]  # noqa: SLF001 - the copy decodes each
            environ, before_ = dict(os.environ), self._environ
            made = {name: value for name, value in environ.items() if name not in before_}
            changed = {name: value for name, value in environ.items() if before_.get(name, value) != value}
            dropped = [name for name in before_ if name not in environ]
            self._environ, self._data = environ, dict(os.environ._data)  # type: ignore[attr-defined]  # noqa: SLF001
            self._did(lambda: _set_environ_again(made, changed, dropped))

    def _warned(self, message: Any, category: Any, filename: str, lineno: int, *_: Any, **__: Any) -> None:
        self._did(lambda: warnings.warn_explicit(message, category, filename, lineno))

    def _said(self, stream: str, text: str) -> None:
        self._did(lambda: getattr(sys, stream).write(text) and None)

    def _read_with(self, original: Callable[..., str]) -> Callable[..., str]:
        def read(environ: Any, name: str) -> str:
            frame = sys._getframe(1)  # noqa: SLF001 - a copy of all variables asks for each, and looks at none
            if self._running and frame.f_code.co_name not in {"copy", "settle", "items", "values", "__iter__"}:
                self._known.variables.add(name)
            return original(environ, name)

        return read


def _asked_classes(heard: Callable[[str], None]) -> tuple[type[ModuleSpec], type[ModuleType]]:
    """Return classes for the specs of loaded modules and for packages, which say when a module is asked for once more.

    Compiled code, such as Cython's, imports without `builtins.__import__`. But whoever imports a module that is there
    asks its spec whether it is still being loaded, as the import system does itself. And a package that imports a
    module lazily, at the first `numpy.random`, has it as an attribute from then on.
    """

    class AskedSpec(ModuleSpec):
        @property
        def _initializing(self) -> bool:
            heard(self.name)
            return bool(self.__dict__.get("_initializing"))

        @_initializing.setter
        def _initializing(self, value: bool) -> None:
            self.__dict__["_initializing"] = value

    class AskedPackage(ModuleType):
        def __getattribute__(self, name: str) -> Any:
            value = super().__getattribute__(name)
            if isinstance(value, ModuleType) and value.__name__ == f"{super().__getattribute__('__name__')}.{name}":
                heard(value.__name__)
            return value

    return AskedSpec, AskedPackage


class _Loader:
    """A module's own loader, and a note while it works."""

    def __init__(self, loader: Any, watching: _Watching) -> None:
        self._loader = loader
        self._watching = watching

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create it; the code of an extension module may run here."""
        if not hasattr(self._loader, "create_module"):
            return None
        with self._watching.running(spec.name):
            made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        """Run its code, with its own loader in its place, which the code may ask for."""
        spec = module.__spec__
        name = module.__name__ if spec is None else spec.name
        if spec is not None:
            spec.loader = self._loader
        with contextlib.suppress(AttributeError):
            module.__loader__ = self._loader
        with self._watching.running(name):
            self._loader.exec_module(module)


class _Forwarding:
    """Stands for a standard stream: a module that keeps it while it is loaded writes to the kernel's stream later."""

    def __init__(self, name: str, said: Callable[[str, str], None]) -> None:
        self._name = name
        self._said = said

    def write(self, text: str) -> int:
        """Write to the stream of that name, or note the text while modules are loaded ahead."""
        stream = getattr(sys, self._name)
        if stream is self:
            self._said(self._name, text)
            return len(text)
        return int(stream.write(text))

    def __getattr__(self, name: str) -> Any:
        stream = getattr(sys, self._name)
        return getattr(getattr(sys, f"__{self._name}__") if stream is self else stream, name)


def _name_the_program(name: str) -> None:
    sys.modules[name] = sys.modules["__main__"]


def set_filters(filters: list[Any]) -> None:
    """Set the warning filters."""
    held: list[Any] = warnings.filters  # type: ignore[assignment]
    held[:] = filters
    if hasattr(warnings, "_filters_mutated"):
        warnings._filters_mutated()  # noqa: SLF001 - else Python goes on with what it remembers of the old ones


def _filter_again(whose: str, gone: list[Any], front: list[Any], back: list[Any]) -> None:
    handover = sys.modules.get("mlops_nb.handover.import_filters")
    if handover is not None and handover.IMPORT_FILTERS.is_again(whose, (*front, *back)):
        return
    filters = [item for item in warnings.filters if item not in gone and item not in front]
    set_filters([*front, *filters, *(item for item in back if item not in filters)])


def _set_environ_again(made: dict[str, str], changed: dict[str, str], dropped: list[str]) -> None:
    # Packages set a variable that is not set; one that the person has set by now stays.
    for name, value in made.items():
        os.environ.setdefault(name, value)
    os.environ.update(changed)
    for name in dropped:
        os.environ.pop(name, None)
