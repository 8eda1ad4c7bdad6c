"""`mlops_nb.step(…)`: a step of another notebook, or of an installed package, as something to call in a cell.

What is called runs the step's own code, in a namespace of its own: nothing is copied into the notebook that calls it,
no other step runs, and the project that the step comes from is not touched. The object is a plain value: it travels
from step to step, and two of them are the same when the code in them is.
"""

from __future__ import annotations

import inspect
import linecache
import sys
from collections import namedtuple
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError, UsageError, did_you_mean
from mlops_nb.notebook import read_notebook
from mlops_nb.reuse import types
from mlops_nb.reuse.installed import installed
from mlops_nb.reuse.taking import take
from mlops_nb.snapshot import file_hash
from mlops_nb.snapshot.modules import module_files
from mlops_nb.steps.literals import as_source
from mlops_nb.steps.parameter_values import ParameterError, fit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_nb.reuse.component import Component, Port
    from mlops_nb.steps import Parameter

# Heard by the audit hook of a step's kernel: which files the step stands on (PEP 578).
READ_EVENT = "mlops_nb.step"


class StepRaised(MlopsNbError):  # noqa: N818 - the name of the fact
    """The code of an imported step raised."""

    code = "imported-step-raised"


def step(source: Path | str, name: str, *, version: str = "") -> ImportedStep:
    """Return a step of another notebook, or of an installed package, to be called with inputs and parameters.

    Parameters
    ----------
    source
        Path of a notebook, relative to the folder of the notebook that calls it; or the name of a package that
        `mlops-nb package` made.
    name
        The step's name.
    version
        For a package: the versions that are good enough, such as `">=1.2,<2"`.

    Raises
    ------
    NotebookError
        When the notebook cannot be read.
    NoSuchStep
        When it has no such step.
    NotReusable
        When the step cannot stand alone, with the place of what keeps it in its notebook.
    PackageProblem
        When the package is not installed, or not in such a version.
    """
    if not str(source).endswith(".ipynb"):
        return ImportedStep(*installed(str(source), name, version))
    if version:
        message = f"{source} is a notebook, which has no version."
        raise UsageError(message, hint="Package it (`mlops-nb package`), or leave `version` out.")
    path = Path(source)
    component = take(read_notebook(path), name)
    modules = module_files(component.imports, [path.absolute().parent])
    for file in (path.absolute(), *modules.values()):
        sys.audit(READ_EVENT, str(file))
    told = {module: file_hash(file) for module, file in sorted(modules.items())}
    return ImportedStep(component, path.as_posix(), tuple(told.items()))


class ImportedStep:
    """A step that can be called: inputs by place or by name, parameters by name.

    It answers with the step's output, with a named tuple when there are several, and with None when there is none.
    `modules` are those that lie beside the step's notebook and that it imports, with the hash of each.
    """

    def __init__(self, component: Component, origin: str, modules: tuple[tuple[str, str], ...] = ()) -> None:
        self.component = component
        self.origin = origin
        self.modules = modules
        self._present()

    def _present(self) -> None:
        self.__name__ = self.component.name.replace("-", "_")
        self.__doc__ = _doc(self.component, self.origin)
        self.__signature__ = _signature(self.component)

    def __reduce__(self) -> tuple[Any, ...]:
        return ImportedStep, (self.component, self.origin, self.modules)

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, ImportedStep) and self.origin == other.origin
        return same and (self.component, self.modules) == (other.component, other.modules)  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((self.origin, self.component.name))

    def __repr__(self) -> str:
        return f"<step {self.component.name}{self.__signature__} of {self.origin}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the step.

        Raises
        ------
        TypeError
            When an input is missing, unknown or of another type than the step declares, or a parameter is.
        StepRaised
            When the step's code raises.
        """
        given = self._bound(args, kwargs)
        with self._beside():
            namespace = self._run(given)
        return self._answer(namespace)

    @property
    def _told(self) -> str:
        return f"Step `{self.component.name}` of {self.origin}"

    def _bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        known = [*(port.name for port in self.component.inputs), *(item.name for item in self.component.parameters)]
        for name in kwargs:
            if name not in known:
                message = f"{self._told} takes no `{name}`.{did_you_mean(name, known)} It is {self!r}."
                raise TypeError(message)
        try:
            bound = self.__signature__.bind(*args, **kwargs).arguments
        except TypeError as error:
            message = f"{self._told}: {error}. It is {self!r}."
            raise TypeError(message) from None
        for port in self.component.inputs:
            self._check(port, bound[port.name], "takes")
        for parameter in self.component.parameters:
            if parameter.name in bound:
                bound[parameter.name] = self._fitted(parameter, bound[parameter.name])
            elif parameter.known:
                bound[parameter.name] = _fresh(parameter.default)
        return bound

    def _fitted(self, parameter: Parameter, value: Any) -> Any:
        if parameter.type == "any":
            return value
        plain = value.item() if hasattr(value, "dtype") and getattr(value, "shape", None) == () else value
        try:
            return _fresh(fit(parameter, plain, "the call"))
        except ParameterError as error:
            message = f"{self._told}: {error.message}"
            raise TypeError(message) from None

    def _check(self, port: Port, value: Any, does: str) -> None:
        if not types.fits(value, port.type):
            message = f"{self._told} {does} `{port.name}` as {port.type}, and it is {types.shown(value)}."
            raise TypeError(message)

    def _run(self, given: Mapping[str, Any]) -> dict[str, Any]:
        # As in the notebook: what is defined there belongs to `__main__`.
        namespace: dict[str, Any] = {"__name__": "__main__", **given}
        for piece in self.component.pieces:
            if piece.own:
                # A parameter whose default had to be computed has it by now; what is given wins.
                namespace.update({name: given[name] for name in given if not self._is_input(name)})
                break
            self._execute(piece.label, piece.source, namespace)
        for piece in self.component.pieces:
            if piece.own:
                self._execute(piece.label, piece.source, namespace)
        return namespace

    @contextmanager
    def _beside(self) -> Iterator[None]:
        """Find the modules beside the step's notebook, as its own kernel does."""
        if not self.modules:
            yield
            return
        folder = Path(self.origin).absolute().parent
        for name, file in module_files([name for name, _ in self.modules], [folder]).items():
            loaded = getattr(sys.modules.get(name), "__file__", None)
            if loaded and Path(loaded).resolve() != file.resolve():
                message = f"{self._told} imports `{name}` from {file}, and {loaded} is imported under that name."
                raise StepRaised(message, hint="Give one of the two modules another name.")
        sys.path.insert(0, str(folder))
        try:
            yield
        finally:
            sys.path.remove(str(folder))

    def _is_input(self, name: str) -> bool:
        return any(port.name == name for port in self.component.inputs)

    def _execute(self, label: str, source: str, namespace: dict[str, Any]) -> None:
        file = f"{self.origin}, {label}"
        # So that a traceback shows the cell's lines.
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        code = compile(source, file, "exec", dont_inherit=True)
        try:
            exec(code, namespace)  # noqa: S102 - the step's own code, which the person asked to run
        except Exception as error:
            line = _line(error, file)
            words = linecache.getline(file, line).strip()
            message = f"{self._told}, {label}, line {line} raised {type(error).__name__}: {error}: `{words}`."
            raise StepRaised(message, hint=f"The cell is in {self.component.origin}.") from error

    def _answer(self, namespace: Mapping[str, Any]) -> Any:
        outputs = self.component.outputs
        for port in outputs:
            if port.name not in namespace:
                message = f"{self._told} left no `{port.name}`, which is to be its output."
                raise StepRaised(message, hint="A branch that binds it was not taken.")
            self._check(port, namespace[port.name], "gives")
        if len(outputs) == 1:
            return namespace[outputs[0].name]
        if not outputs:
            return None
        # Of `__main__`, so that a value of it can be handed from kernel to kernel.
        made = namedtuple(self.__name__, [port.name for port in outputs], module="__main__")  # type: ignore[misc]  # noqa: PYI024
        return made(*(namespace[port.name] for port in outputs))


def _fresh(value: Any) -> Any:
    """Return a copy of a plain value that the step may change, with the types that its notebook would have."""
    return eval(as_source(value), {})  # noqa: S307 - a literal that we wrote


def _line(error: BaseException, file: str) -> int:
    frame = error.__traceback__
    found = 1
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == file:
            found = frame.tb_lineno
        frame = frame.tb_next
    return found


def _signature(component: Component) -> inspect.Signature:
    kinds = inspect.Parameter
    every = [
        kinds(port.name, kinds.POSITIONAL_OR_KEYWORD, annotation=_Named(port.type) if port.type else kinds.empty)
        for port in component.inputs
    ]
    every += [
        kinds(
            item.name,
            kinds.KEYWORD_ONLY,
            default=item.default if item.known else _Named(item.expression),
            annotation=_Named(item.type) if item.type != "any" else kinds.empty,
        )
        for item in component.parameters
    ]
    types_ = [port.type or "Any" for port in component.outputs]
    gives = "None" if not types_ else types_[0] if len(types_) == 1 else f"({', '.join(map(str, component.outputs))})"
    return inspect.Signature(every, return_annotation=_Named(gives))


class _Named:
    """A name in a signature, shown without quotes."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


def _doc(component: Component, origin: str) -> str:
    lines = [component.doc or f"Run step `{component.name}` of {origin}."]
    rows = (
        ("Inputs", [str(port) for port in component.inputs]),
        (
            "Parameters",
            [
                f"{item.name}: {item.type} = {item.default if item.known else item.expression!s}"
                + (f" ({item.help})" if item.help else "")
                for item in component.parameters
            ],
        ),
        ("Outputs", [str(port) for port in component.outputs]),
    )
    for heading, told in rows:
        if told:
            lines += ["", f"{heading}:", *(f"    {line}" for line in told)]
    return "\n".join(lines)
