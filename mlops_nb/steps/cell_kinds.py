"""What an untagged cell is for, as far as its shape tells: imports, functions, parameters, metrics, a look at data."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlops_nb.steps.names import read_flow
from mlops_nb.steps.parameters import read_parameters
from mlops_nb.steps.source import to_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlops_nb.notebook.cells import Cell
    from mlops_nb.steps.flow import Flow

_SETTING_TARGETS = re.compile(r"(plt|mpl|matplotlib)\.rcParams\[|pd\.options\.|os\.environ\[")
_SETTING_MAGICS = frozenset({"matplotlib", "config", "load_ext", "reload_ext", "autoreload", "pip", "conda", "env"})
# Process state that a session's set-up touches. Seeding is not among it: a prelude may be replayed in front of a step.
_SESSION = frozenset({"matplotlib", "warnings", "pandas.options", "environ", "sys.path", "cwd", "logging", "locale"})
_PLOTTERS = frozenset(
    ["plt", "sns", "px", "go", "alt", "ax", "axs", "axes", "fig", "figure", "pyplot", "display", "graph", "g", "grid"]
)
# Calls that change what they are called on or with, or something outside the notebook.
_CHANGES = re.compile(
    r"(?:^|\.)(append|extend|insert|update|pop|popitem|remove|discard|add|clear|setdefault|sort|reverse|shuffle|seed"
    r"|(partial_)?fit(_\w+)?|train\w*|compile|write\w*|to_(csv|parquet|pickle|sql|json|excel|feather|hdf|stata|html)"
    r"|save\w*|dump\w*|drop_table|commit|execute\w*|put|send\w*|post|setattr|delattr|exec|eval|input|open|mkdir|unlink"
    r"|rename_file|rmtree|copyfile|move|system|run|Popen|getoutput|run_line_magic|run_cell_magic|set_option|glue)$"
)
_METRIC = re.compile(
    r"(^|_)(rmse|mse|mae|mape|r2|auc|accuracy|acc|precision|recall|f1|score|loss|logloss|brier|kappa|silhouette|error)"
    r"(_|$)",
    re.IGNORECASE,
)
_METRICS = re.compile(r"(\w+_)?(metrics?|scores?|results?)")
_NUMERIC = re.compile(r"(?!cross_val)\w*(_score|_error|_loss)$|score$|mean$|sqrt$|float$|round$|rmse$")
_TYPICAL = re.compile(
    r"[A-Z][A-Z0-9_]*|(n|num|max|min)_\w+|(\w+_)?(seed|random_state|test_size|train_size|lr|learning_rate|epochs?|alpha"
    r"|batch_size|path|file|filename|url|dir|folder|threshold|frac|fraction|ratio|depth|iterations|n_jobs|target|features)"
)
_LONGEST_LIST = 20
_STAGES = (
    ("train", re.compile(r"(?:^|\.)(fit|fit_predict|partial_fit|train|fit_resample)$")),
    ("load", re.compile(r"(?:^|\.)(read_\w+|load_\w+|fetch_\w+|loadtxt|genfromtxt|open_dataset|from_csv)$")),
    ("split", re.compile(r"(?:^|\.)(train_test_split|TimeSeriesSplit|KFold|StratifiedKFold|GroupKFold)$")),
    (
        "evaluate",
        re.compile(
            r"(?:^|\.)(\w+_score|\w+_error|\w+_loss|\w+_report|confusion_matrix|score|cross_val\w*|cross_validate"
            r"|roc_curve|precision_recall_curve|evaluate|learning_curve|validation_curve)$"
        ),
    ),
    (
        "prepare",
        re.compile(
            r"(?:^|\.)(fit_transform|get_dummies|fillna|dropna|drop|merge|concat|replace|to_datetime|assign|interpolate"
            r"|drop_duplicates|cut|qcut|resample|join|astype)$"
        ),
    ),
)


@dataclass(frozen=True)
class Reading:
    """A code cell, its syntax tree (empty when it is not Python) and what it does with names."""

    cell: Cell
    tree: ast.Module
    flow: Flow
    is_faulty: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the cell runs."""
        return not self.tree.body and not self.is_faulty


def read_cell(cell: Cell) -> Reading:
    """Read a code cell for its shape."""
    python = to_python(cell.source)
    return Reading(cell, python.tree, read_flow(cell)[0], python.fault is not None)


def only_imports(reading: Reading) -> bool:
    """Say whether the cell imports, and does nothing else."""
    body = [node for node in reading.tree.body if not _is_docstring(node)]
    return bool(body) and all(_is_import(node) or _magic(node) in _SETTING_MAGICS for node in body)


def imports_and_settings(reading: Reading) -> bool:
    """Say whether the cell imports or sets up the session (plot style, warnings, display), and does nothing else."""
    flow = reading.flow
    body = [node for node in reading.tree.body if not _is_docstring(node)]
    own = {name for node in body if _is_import(node) for name in _bound_by_import(node)}
    return (
        any(_is_import(node) or _magic(node) for node in body)
        and all(_is_import(node) or _is_setting(node) for node in body)
        and set(flow.defines) <= own
        and set(flow.ambient) <= _SESSION
        and not (flow.reads_files or flow.writes_files)
    )


def only_functions(reading: Reading) -> bool:
    """Say whether the cell defines functions and classes (and imports what they need), and does nothing else."""
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    body = [node for node in reading.tree.body if not _is_docstring(node)]
    return any(isinstance(node, definitions) for node in body) and all(
        isinstance(node, definitions) or _is_import(node) for node in body
    )


def looks_like_parameters(reading: Reading) -> bool:
    """Say whether the cell assigns plain values to names that parameters have, and does nothing else."""
    body = [node for node in reading.tree.body if not _is_docstring(node)]
    if not body or not all(isinstance(node, ast.Assign | ast.AnnAssign) for node in body):
        return False
    parameters, _ = read_parameters([replace(reading.cell, tags=("parameters",))])
    plain = all(p.known and not p.early_uses and _is_short(p.default) for p in parameters)
    typical = [p for p in parameters if _TYPICAL.fullmatch(p.name)]
    return plain and bool(parameters) and 2 * len(typical) >= len(parameters)


def only_looks(reading: Reading) -> bool:
    """Say whether the cell shows something and, as far as its calls tell, changes nothing outside itself."""
    flow = reading.flow
    if not reading.tree.body or flow.deletes or flow.writes_files or flow.barrier or flow.stars:
        return False
    if set(flow.ambient) - {"matplotlib"}:
        return False
    aliases = {name for name, value in _assigned(reading.tree) if isinstance(value, ast.Name | ast.Attribute)}
    own = set(flow.defines) - set(flow.uses) - aliases
    for node in ast.walk(reading.tree):
        if isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
            if _root(node) not in own | _PLOTTERS:
                return False
        elif (isinstance(node, ast.Call) and not _is_harmless(node, own)) or isinstance(
            node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom
        ):
            return False
    return True


def plain_metrics(reading: Reading, before: Sequence[Reading]) -> tuple[str, ...]:
    """Return the metrics, clearly plain numbers, that the cell only names and shows; nothing for other cells."""
    if not all(isinstance(node, ast.Expr | ast.Assign) for node in reading.tree.body):
        return ()
    if not any(isinstance(node, ast.Expr) for node in reading.tree.body):
        return ()
    shown = [node for node in reading.tree.body if isinstance(node, ast.Expr)]
    calls = {ast.unparse(call.func) for node in shown for call in ast.walk(node) if isinstance(call, ast.Call)}
    names = {part.id for node in shown for part in ast.walk(node) if isinstance(part, ast.Name)} - calls
    values = {name: value for earlier in (*before, reading) for name, value in _assigned(earlier.tree)}
    if not names or calls - {"print", "round", "float", "display"} or set(reading.flow.defines) - names:
        return ()
    telling = [name for name in names if _METRIC.search(name)]
    if 2 * len(telling) >= len(names) and all(_is_numeric(values.get(name)) for name in names):
        return tuple(sorted(names))
    return ()


def stage_of(reading: Reading) -> str:
    """Return which stage of a machine-learning notebook the cell's calls belong to; empty when they do not tell."""
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    body = [node for node in reading.tree.body if not isinstance(node, definitions)]
    calls = {ast.unparse(node.func) for part in body for node in ast.walk(part) if isinstance(node, ast.Call)}
    for stage, pattern in _STAGES:
        if any(pattern.search(call) for call in calls):
            return stage
    return ""


def _is_short(value: object) -> bool:
    return not isinstance(value, list | tuple | dict) or len(value) <= _LONGEST_LIST


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_import(node: ast.stmt) -> bool:
    if isinstance(node, ast.Try):
        inner = [
            *node.body,
            *node.orelse,
            *node.finalbody,
            *(part for handler in node.handlers for part in handler.body),
        ]
        return all(_is_import(part) or isinstance(part, ast.Pass | ast.Assign) or _is_setting(part) for part in inner)
    return isinstance(node, ast.Import | ast.ImportFrom)


def _magic(node: ast.stmt) -> str:
    """Return the name of the magic that the statement is (`pip` for `!pip`), or nothing."""
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=attr), args=[ast.Constant(value=str() as first), *_])):
            if attr == "run_line_magic":
                return first
            if attr == "system":
                return first.split()[0] if first.split() else ""
    return ""


def _is_setting(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Call()):
            return not _magic(node) or _magic(node) in _SETTING_MAGICS
        case ast.Assign(targets=[target]):
            return bool(_SETTING_TARGETS.match(ast.unparse(target)))
    return False


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_harmless(call: ast.Call, own: set[str]) -> bool:
    options = {keyword.arg for keyword in call.keywords}
    path = ast.unparse(call.func)
    if "inplace" in options or (path.endswith(".sample") and "random_state" not in options):
        return False
    if _root(call.func) in own | _PLOTTERS and not path.endswith(".savefig"):
        return True
    return not _CHANGES.search(path)


def _bound_by_import(node: ast.stmt) -> set[str]:
    inner = [part for part in ast.walk(node) if isinstance(part, ast.Import | ast.ImportFrom)]
    named = {alias.asname or alias.name.partition(".")[0] for part in inner for alias in part.names}
    # `try: import x` with `x = None` where it is missing.
    return named | {
        part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value


def _is_numeric(value: ast.expr | None) -> bool:
    match value:
        case ast.Constant(value=int() | float()):
            return True
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str())):
            return bool(_METRICS.fullmatch(name))
        case ast.BinOp(left=left, right=right):
            return _is_numeric(left) or _is_numeric(right)
        case ast.Call(func=function):
            return bool(_NUMERIC.match(ast.unparse(function).rpartition(".")[2]))
    return False
