"""The text of exported modules: a prelude, the parameters, a function for each step, and the sequence of them.

A step becomes a function of its inputs that returns its outputs by name. Code that would mean something else in a
function (a star import, `global`, `eval`) is kept at module level in `<step>_cells.py`, and the function runs that file
in a namespace of its own. Code that only a notebook can run (shell commands, `await` at the top level) is kept in the
same way, and calling its function raises, naming the reason: never silently something else.
"""

from __future__ import annotations

import hashlib
import keyword
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_nb.pipeline.module_cells import (
    END,
    INDENT,
    CellLines,
    cell_lines,
    commented,
    indented,
    marked_cells,
    marker,
    tag_words,
)
from mlops_nb.pipeline.module_names import (
    BUILTINS,
    Names,
    closure,
    imports_with_star,
    names_of,
    needs_the_notebook,
    unlike_in_a_function,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mlops_nb.notebook.cells import Cell

HEADER = "# mlops-nb "
PRELUDE, PARAMETERS = "prelude", "parameters"
_TAKEN = frozenset({PRELUDE, PARAMETERS, "__init__", "__main__"})
_DISPLAY = (
    "try:",
    "    from IPython.display import display",
    "except ImportError:",
    "    display = print",
)
_EDIT = (
    "Edit the code between the `# %%` lines here or in the notebook; an edit is carried to the other side by the\n"
    "cell's id. All other lines are written anew by each export."
)


@dataclass(frozen=True)
class Code:
    """Cells that stand together, and what their code binds and reads."""

    cells: tuple[Cell, ...] = ()
    lines: tuple[CellLines, ...] = ()
    text: str = ""
    names: Names = field(default_factory=Names)
    future: tuple[str, ...] = ()
    lost: tuple[tuple[Cell, str], ...] = ()
    has_star: bool = False


@dataclass(frozen=True)
class Around:
    """What every module of an export shares: the notebook's recorded path, its prelude, parameters, futures."""

    notebook: str
    prelude: Code
    parameters: Code
    future: tuple[str, ...] = ()
    hoisted: frozenset[str] = frozenset()


@dataclass(frozen=True)
class StepModule:
    """A step as it is exported: its function, arguments, results, files, and what kept it from being plain."""

    name: str
    stem: str
    function: str
    inputs: tuple[str, ...]
    parameters: tuple[str, ...]
    outputs: tuple[str, ...]
    files: dict[str, str]
    script: str = ""
    refused: str = ""


def code_of(cells: Iterable[Cell], *, imported: bool = False) -> Code:
    """Return the cells as module code; what an import could not run (`await`) is only kept when it is `imported`."""
    cells = tuple(cells)
    lines = tuple(cell_lines(cell.source) for cell in cells)
    if imported:
        lines = tuple(
            written if _compiles("\n".join(written.lines)) else commented(cell.source)
            for cell, written in zip(cells, lines, strict=True)
        )
    pieces = ["\n".join(written.lines) for written in lines if written.is_python]
    lost = tuple((cell, line) for cell, written in zip(cells, lines, strict=True) for line in written.lost)
    future = tuple(dict.fromkeys(name for written in lines for name in written.future))
    return Code(cells, lines, "\n".join(pieces), names_of(pieces), future, lost, imports_with_star(pieces))


def digest(text: str) -> str:
    """Return the hash by which an edit is seen."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def file_stem(name: str, taken: Iterable[str]) -> str:
    """Return a module's name for a step: an identifier that no other module of the export has."""
    stem = re.sub(r"\W", "_", name)
    stem = stem if stem.isidentifier() and not keyword.iskeyword(stem) and stem not in _TAKEN else f"step_{stem}"
    used = {other.lower() for other in taken}
    candidate, number = stem, 2
    while candidate.lower() in used or f"{candidate}_cells".lower() in used:
        candidate = f"{stem}_{number}"
        number += 1
    return candidate


def module(  # noqa: PLR0913, PLR0917 - the parts of a module, in its order
    notebook: str, code: Code, docstring: str, before: Sequence[str], after: Sequence[str], deep: str = ""
) -> str:
    """Return a module's text: docstring, header, what stands before the cells, the cells, what stands after them."""
    body: list[str] = []
    for cell, written in zip(code.cells, code.lines, strict=True):
        lines = indented(written.lines) if deep else written.lines
        body += [deep + marker(cell.id, cell.tags), *lines, ""]
    top = [f'"""{docstring}\n\n{_EDIT}\n"""' if code.cells else f'"""{docstring}"""', ""]
    header = [f"{HEADER}notebook: {notebook}"]
    header += [f"{HEADER}cell: {cell.id} {digest(cell.source)} {tag_words(cell.tags)}".rstrip() for cell in code.cells]
    rest = ["", *before, *body, *([deep + END] if code.cells else []), *after, ""]
    text = "\n".join([*top, *header, *rest])
    frame = f"{HEADER}frame: {frame_digest(marked_cells(text)[1])}"
    return "\n".join([*top, *header, frame, *rest])


def frame_digest(around: Iterable[str]) -> str:
    """Return the hash of the lines around the cells, the header aside."""
    return digest("\n".join(line for line in around if not line.startswith(HEADER)))


def prelude_text(around: Around) -> str:
    """Return `prelude.py`: the imports and functions, at module level as they are."""
    code = around.prelude
    early = sorted(around.parameters.names.bound & code.names.at_once - code.names.bound)
    late = sorted(around.parameters.names.bound & code.names.deferred - code.names.bound)
    before = [*_futures(around), *_display(code.names, Names())]
    before += [f"from .{PARAMETERS} import {', '.join(early)}", ""] if early else []
    after = ["", f"from . import {PARAMETERS} as _parameters  # noqa: E402, F401"] if late else []
    return module(around.notebook, code, "What the steps stand on: imports and functions.", before, after)


def parameters_text(around: Around) -> str:
    """Return `parameters.py`: the parameter cell as it is, its values handed to the prelude's functions."""
    code, prelude = around.parameters, around.prelude
    needed = sorted(prelude.names.bound & code.names.read - code.names.bound)
    pushed = sorted(code.names.bound & prelude.names.deferred - prelude.names.bound)
    before = [*_futures(around), *_display(code.names, prelude.names)]
    before += [f"from .{PRELUDE} import {', '.join(needed)}", ""] if needed else []
    after = ["", f"from . import {PRELUDE} as _prelude  # noqa: E402", ""] if pushed else []
    after += [f"_prelude.{name} = {name}" for name in pushed]
    return module(around.notebook, code, "The parameters and their defaults.", before, after)


def _futures(around: Around) -> list[str]:
    return [f"from __future__ import {', '.join(around.future)}", ""] if around.future else []


def _display(names: Names, prelude: Names) -> list[str]:
    # IPython puts `display` among the builtins.
    return [*_DISPLAY, ""] if "display" in names.read - names.bound - prelude.bound else []


def step_module(  # noqa: PLR0913, PLR0917 - the parts of a step
    name: str, stem: str, code: Code, inputs: Sequence[str], outputs: Sequence[str], around: Around, refused: str = ""
) -> StepModule:
    """Return a step as a module with one function."""
    prelude, names = around.prelude.names, code.names
    declared = around.parameters.names.bound
    free = closure(names.read, prelude.bodies)
    wanted = names.read | set(outputs) | free
    inputs = tuple(name for name in inputs if name not in around.hoisted or name in declared)
    parameters = tuple(sorted(declared & ({*inputs} | wanted - prelude.bound)))
    inputs = tuple(name for name in inputs if name not in parameters)
    given = {*inputs, *parameters}
    outputs = tuple(name for name in outputs if name not in around.hoisted and name in names.bound | given)
    script = _script_reason(code, given, free, prelude)
    refused = refused or _refusal(code)
    body = _Body(
        inputs=inputs,
        parameters=parameters,
        outputs=outputs,
        pushed=tuple(sorted((free & given) - names.bound)),
        shadowed=tuple(sorted(names.bound & names.read & (prelude.bound | BUILTINS) - given)),
        imported=tuple(sorted(prelude.bound & (names.read | set(outputs)) - given - names.bound)),
    )
    taken = (names.read - names.bound) | prelude.bound | BUILTINS
    function = f"{stem}_step" if stem in taken else stem
    if not (script or refused):
        text = _function_text(name, function, code, body, around)
        if _compiles(text):
            return StepModule(name, stem, function, inputs, parameters, outputs, {f"{stem}.py": text})
        script = "its code does not fit into a function"
    top = [*_futures(around), *_display(names, prelude)]
    files = {
        f"{stem}.py": _script_text(
            name, stem, function, body, around, script, refused, replay=bool(free & names.bound)
        ),
        f"{stem}_cells.py": module(around.notebook, code, f"The cells of step `{name}`, run by `{stem}.py`.", top, []),
    }
    return StepModule(name, stem, function, inputs, parameters, outputs, files, script, refused)


@dataclass(frozen=True)
class _Body:
    inputs: tuple[str, ...]
    parameters: tuple[str, ...]
    outputs: tuple[str, ...]
    pushed: tuple[str, ...]
    shadowed: tuple[str, ...]
    imported: tuple[str, ...]

    @property
    def signature(self) -> str:
        keywords = [f"{name}=_parameters.{name}" for name in self.parameters]
        return ", ".join([*self.inputs, *(["*"] if keywords else []), *keywords])


def _script_reason(code: Code, given: set[str], free: frozenset[str], prelude: Names) -> str:
    rebound = free & code.names.bound
    if rebound:
        return f"functions of the prelude read `{min(rebound)}`, which the step binds"
    if prelude.rebound & free:
        return f"a function of the prelude declares `global {min(prelude.rebound & free)}`"
    return unlike_in_a_function(code.text, code.names, given) if code.text.strip() else ""


def _refusal(code: Code) -> str:
    if code.lost:
        cell, line = code.lost[0]
        return f"{cell.label} needs a notebook to run: {line}"
    return needs_the_notebook(code.text, code.names)


def _compiles(text: str) -> bool:
    try:
        compile(text, "<module>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def _imports(body: _Body, around: Around, *, script: bool) -> list[str]:
    """Return the imports of a step's module."""
    lines = []
    if body.parameters:
        lines.append(f"from . import {PARAMETERS} as _parameters")
    if body.pushed or script or any(name in around.prelude.names.bound for name in body.shadowed):
        lines.append(f"from . import {PRELUDE} as _prelude")
    if not script and around.prelude.has_star:
        lines.append(f"from .{PRELUDE} import *")
    if not script and body.imported:
        lines.append(f"from .{PRELUDE} import {', '.join(body.imported)}")
    if not script and any(name not in around.prelude.names.bound for name in body.shadowed):
        lines.insert(0, "import builtins as _builtins\n")
    return [*lines, ""] if lines else []


def _function_text(name: str, function: str, code: Code, body: _Body, around: Around) -> str:
    lines = [*_futures(around), *_imports(body, around, script=False), *_display(code.names, around.prelude.names), ""]
    lines += [f"def {function}({body.signature}):", f'{INDENT}"""{_summary(name, body.outputs)}"""']
    lines += [f"{INDENT}_prelude.{pushed} = {pushed}" for pushed in body.pushed]
    for shadowed in body.shadowed:
        owner = "_prelude" if shadowed in around.prelude.names.bound else "_builtins"
        lines.append(f"{INDENT}{shadowed} = {owner}.{shadowed}")
    docstring = f"Step `{name}` of the notebook, as a function."
    return module(around.notebook, code, docstring, lines, _returned(body, code.names), INDENT)


def _summary(name: str, outputs: Sequence[str]) -> str:
    told = ", ".join(f"`{output}`" for output in outputs)
    return f"Run step `{name}` and return {told} by name." if told else f"Run step `{name}`."


def _returned(body: _Body, names: Names) -> list[str]:
    sure = {*body.inputs, *body.parameters} - names.bound | names.surely
    if all(name in sure for name in body.outputs):
        pairs = ", ".join(f'"{name}": {name}' for name in body.outputs)
        return [f"{INDENT}return {{{pairs}}}"]
    # What a branch may leave unbound is left out, as it would be missing in the notebook.
    listed = ", ".join(f'"{name}"' for name in body.outputs)
    return [
        f"{INDENT}_bound = locals()",
        f"{INDENT}return {{name: _bound[name] for name in ({listed},) if name in _bound}}",
    ]


def _script_text(  # noqa: PLR0913, PLR0917 - the parts of a step
    name: str, stem: str, function: str, body: _Body, around: Around, script: str, refused: str, *, replay: bool
) -> str:
    lines = [*_futures(around), "from pathlib import Path", ""]
    lines += [*_imports(body, around, script=True), f'_CELLS = Path(__file__).with_name("{stem}_cells.py")']
    lines += ["", "", f"def {function}({body.signature}):", f'{INDENT}"""{_summary(name, body.outputs)}"""']
    if refused:
        lines.append(f"{INDENT}raise NotImplementedError({f'Step `{name}` was not exported: {refused}'!r})")
    else:
        given = [f'_names["{other}"] = {other}' for other in (*body.inputs, *body.parameters)]
        run = ['_names = {"__name__": "__main__", "__package__": __package__, "__file__": str(_CELLS)}']
        if replay:
            # The prelude's functions must see the names that the step binds, so the step has a prelude of its own.
            run.append('exec(compile(Path(_prelude.__file__).read_text("utf-8"), _prelude.__file__, "exec"), _names)')
        else:
            run.append('_names |= {name: value for name, value in vars(_prelude).items() if not name.startswith("__")}')
        run += [f"_prelude.{pushed} = {pushed}" for pushed in body.pushed]
        run += [*given, 'exec(compile(_CELLS.read_text("utf-8"), str(_CELLS), "exec"), _names)']
        listed = "".join(f'"{output}", ' for output in body.outputs)
        run.append(f"return {{name: _names[name] for name in ({listed}) if name in _names}}")
        lines += [INDENT + line for line in run]
    # Whatever the cell's line holds, the docstring stays one line of printable text.
    why = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in refused or script)
    docstring = f"Step `{name}` of the notebook. Its cells are in `{stem}_cells.py`: {why}."
    return module(around.notebook, Code(), docstring.replace("\\", "\\\\").replace('"', "'"), lines, [])
