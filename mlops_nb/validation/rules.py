"""Conditions across the columns of a table: parsed into a tree, and nothing in them is ever evaluated as code.

    total >= fare + tip + tolls
    payment != 'cash' or tip == 0
    dropoff > pickup and distance in (1, 2, 3)

The text has the form of a Python expression and is read with Python's own parser, which only reads. Of its tree a
handful of nodes mean something here; everything else is refused with its place. Names are columns (`col('odd name')`
for one that is no word), and the functions are `abs`, `length`, `lower` and `missing`.

A row in which a column that the condition reads is missing is not judged, since nobody knows; ask `missing(x)` or the
column's `presence`.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from mlops_nb.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    import pandas as pd

FUNCTIONS = ("abs", "col", "length", "lower", "missing")
_LONGEST = 1_000
_MOST_NODES = 200
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
}
_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
}


class RuleError(UsageError):
    """A condition that cannot be understood, shown with a caret below the place."""

    code = "rule"


@dataclass(frozen=True)
class Condition:
    """A condition that was understood: its text, its tree, and the columns that it reads."""

    text: str
    tree: ast.expr
    columns: tuple[str, ...]
    may_be_missing: frozenset[str]

    def holds(self, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return for each row whether it meets the condition, and whether it can be judged at all.

        Parameters
        ----------
        frame
            The table; it has all the columns.

        Returns
        -------
        Two bool arrays, shape (n,).

        Raises
        ------
        RuleError
            When the columns' values cannot be compared or computed with.
        """
        import numpy as np

        judged: np.ndarray = np.ones(len(frame), dtype=bool)
        for name in self.columns:
            if name not in self.may_be_missing:
                judged &= frame[name].notna().to_numpy(dtype=bool)
        held: np.ndarray = np.ones(len(frame), dtype=bool)
        if judged.any():
            try:
                found = _computed(self.tree, frame[judged])
            except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
                message = f"`{self.text}` cannot be computed: {error}."
                raise RuleError(message, hint="Compare numbers with numbers, and text with text.") from error
            held[judged] = np.asarray(found, dtype=bool)
        return held, judged


def parse_rule(text: str, columns: Mapping[str, Any] | None = None) -> Condition:
    """Return the condition that a text states.

    Parameters
    ----------
    text
        The condition.
    columns
        The columns that there are, by name; any name is taken for one when None.

    Raises
    ------
    RuleError
        When it states none, or names a column that there is not; the message points at the place.
    """
    if len(text) > _LONGEST:
        message = f"A rule has {len(text)} characters, and may have {_LONGEST}."
        raise RuleError(message)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        at = (getattr(error, "offset", None) or 1) - 1
        _refuse(text.strip(), at, f"This is no condition: {getattr(error, 'msg', error)}.")
    reading = _Reading(text.strip(), columns)
    if not reading.truth(tree):
        _refuse(text.strip(), tree.col_offset, "This is a value and no condition; compare it with something.")
    return Condition(text.strip(), tree, tuple(dict.fromkeys(reading.columns)), reading.may_be_missing)


class _Reading:
    """Walks a tree once: refuses what means nothing here, and notes the columns."""

    def __init__(self, text: str, known: Mapping[str, Any] | None) -> None:
        self._text = text
        self._known = known
        self._nodes = 0
        self._strict: set[str] = set()
        self._asked_for: set[str] = set()
        self.columns: list[str] = []

    @property
    def may_be_missing(self) -> frozenset[str]:
        return frozenset(self._asked_for - self._strict)

    def truth(self, node: ast.expr) -> bool:
        """Read a node; say whether it is true or false rather than a value."""
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            self._refuse(node, f"A rule may have {_MOST_NODES} parts.")
        if isinstance(node, ast.BoolOp):
            for part in node.values:  # noqa: PD011 - of the tree
                self._condition(part)
            return True
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self._condition(node.operand)
            return True
        if isinstance(node, ast.Compare):
            self._value(node.left)
            for operator, other in zip(node.ops, node.comparators, strict=True):
                self._compared(operator, other)
            return True
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Name):
            self._column(node, node.id, self._strict)
            # A column of truth values is a condition.
            return True
        self._plain(node)
        return False

    def _plain(self, node: ast.expr) -> None:
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            for side in (node.left, node.right):
                if isinstance(side, ast.Constant) and not _is_number(side.value):
                    self._refuse(side, "Only numbers and columns are computed with.")
                self._value(side)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            self._value(node.operand)
        elif not (isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str)):
            self._refuse(node, f"`{ast.unparse(node)}` means nothing in a rule.")

    def _condition(self, node: ast.expr) -> None:
        if not self.truth(node):
            self._refuse(node, "Here should be a condition.")

    def _value(self, node: ast.expr) -> None:
        if isinstance(node, ast.Compare | ast.BoolOp):
            self._refuse(node, "Here should be a value and no condition.")
        self.truth(node)

    def _compared(self, operator: ast.cmpop, other: ast.expr) -> None:
        if isinstance(operator, ast.In | ast.NotIn):
            if not isinstance(other, ast.Tuple | ast.List | ast.Set) or not all(
                isinstance(item, ast.Constant) or _signed(item) for item in other.elts
            ):
                self._refuse(other, "After `in` should be values in parentheses: `in ('a', 'b')`.")
        elif type(operator) in _COMPARISONS:
            self._value(other)
        else:
            self._refuse(other, "Compare with ==, !=, <, <=, >, >= or in.")

    def _call(self, node: ast.Call) -> bool:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in FUNCTIONS:
            shown = ast.unparse(node.func)
            self._refuse(node, f"`{shown}` is no function of rules.{did_you_mean(shown, FUNCTIONS)}")
        if len(node.args) != 1 or node.keywords:
            self._refuse(node, f"`{name}` takes one value.")
        (given,) = node.args
        if name == "col":
            if not isinstance(given, ast.Constant) or not isinstance(given.value, str):
                self._refuse(given, "`col` takes the name of a column in quotes.")
            self._column(given, given.value, self._strict)
            return True
        if name == "missing":
            column = _column_of(given)
            if column is None:
                self._refuse(given, "`missing` takes a column.")
            self._column(given, column, self._asked_for)
            return True
        self._value(given)
        return False

    def _column(self, node: ast.expr, name: str, seen: set[str]) -> None:
        if self._known is not None and name not in self._known:
            self._refuse(node, f"There is no column `{name}`.{did_you_mean(name, self._known)}")
        seen.add(name)
        self.columns.append(name)

    def _refuse(self, node: ast.expr, message: str) -> NoReturn:
        _refuse(self._text, node.col_offset, message)


def _refuse(text: str, at: int, message: str) -> NoReturn:
    line = text.replace("\n", " ")
    from_here = max(0, at - 60)
    told = f"{message}\n  {line[from_here : from_here + 100]}\n  {' ' * (at - from_here)}^"
    raise RuleError(told, hint="A rule reads like `total >= fare + tip and payment in ('cash', 'credit card')`.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _signed(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)


def _column_of(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "col" and node.args:
        given = node.args[0]
        return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else None
    return None


def _computed(node: ast.expr, frame: pd.DataFrame) -> Any:
    """Return what a node comes to: a column of values, or a single one. The tree was read before."""
    import numpy as np

    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name | ast.Call):
        return _looked_up(node, frame)
    if isinstance(node, ast.UnaryOp):
        inner = _computed(node.operand, frame)
        return ~np.asarray(inner, dtype=bool) if isinstance(node.op, ast.Not) else -inner
    if isinstance(node, ast.BoolOp):
        parts = [np.asarray(_computed(part, frame), dtype=bool) for part in node.values]  # noqa: PD011 - of the tree
        return np.logical_and.reduce(parts) if isinstance(node.op, ast.And) else np.logical_or.reduce(parts)
    if isinstance(node, ast.BinOp):
        return _operator(_ARITHMETIC[type(node.op)])(_computed(node.left, frame), _computed(node.right, frame))
    assert isinstance(node, ast.Compare)  # noqa: S101 - `_Reading` has refused all else
    held = np.ones(len(frame), dtype=bool)
    left = _computed(node.left, frame)
    for operator, other in zip(node.ops, node.comparators, strict=True):
        if isinstance(operator, ast.In | ast.NotIn):
            among = _column(left, frame).isin(list(ast.literal_eval(other)))
            held &= np.asarray(among if isinstance(operator, ast.In) else ~among, dtype=bool)
        else:
            right = _computed(other, frame)
            held &= np.asarray(_operator(_COMPARISONS[type(operator)])(left, right), dtype=bool)
            left = right
    return held


def _looked_up(node: ast.Name | ast.Call, frame: pd.DataFrame) -> Any:
    if isinstance(node, ast.Name):
        return _values(frame[node.id])
    assert isinstance(node.func, ast.Name)  # noqa: S101 - `_Reading` has refused all else
    (given,) = node.args
    if node.func.id == "col":
        return _values(frame[str(_column_of(node))])
    if node.func.id == "missing":
        return frame[str(_column_of(given))].isna()
    value = _computed(given, frame)
    if node.func.id == "abs":
        return abs(value)
    text = _column(value, frame).astype(str).str
    return text.len() if node.func.id == "length" else text.lower()


def _values(series: pd.Series) -> pd.Series:
    """Return a column without categories: their order is that of their names, and says nothing of the values."""
    return series.astype(series.cat.categories.dtype) if hasattr(series, "cat") else series


def _column(value: Any, frame: pd.DataFrame) -> pd.Series:
    import pandas as pd

    return value if isinstance(value, pd.Series) else pd.Series(value, index=frame.index)


def _operator(name: str) -> Callable[[Any, Any], Any]:
    import operator

    found: Callable[[Any, Any], Any] = getattr(operator, name)
    return found
