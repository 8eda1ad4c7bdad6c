"""Tell all that code could see of a namespace as text: contents, what is one object with what, and ambient state.

Runs inside the shells whose ends are compared. Every object that can change has a number, given in the order in which
the names, sorted, lead to it: two namespaces have one text only when their objects are shared in the same way.
"""

from __future__ import annotations

import decimal
import functools
import hashlib
import os
import random
import sys
import types
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PLAIN = (type(None), bool, int, float, complex, str, bytes, decimal.Decimal)
FILTER_PREFIX = "told "
ENVIRONMENT_PREFIX = "TOLD_"
_PLUMBING = {"__dict__", "__weakref__", "__module__", "__doc__", "__qualname__", "__firstlineno__"}
_PLUMBING |= {"__static_attributes__", "__annotations_cache__", "__annotate_func__", "__slotnames__"}


def report(namespace: Mapping[str, Any], names: Iterable[str]) -> str:
    """Return the text of the variables with these names, of the files of the folder and of the ambient state."""
    teller = _Teller(namespace)
    lines = [f"{name}: {teller.told(namespace[name]) if name in namespace else 'unbound'}" for name in sorted(names)]
    files = [f"file {path.name}: {path.read_text()!r}" for path in sorted(Path.cwd().glob("*.txt"))]
    return "\n".join([*lines, *teller.lines(), *files, *_ambient()])


def _ambient() -> list[str]:
    """Return ambient state in lines; it draws from the random streams, so it comes last."""
    numpy: Any = sys.modules["numpy"]
    pandas: Any = sys.modules["pandas"]
    # What a filter looks for is a compiled pattern, or nothing.
    filters = [(entry[0], str(getattr(entry[1], "pattern", ""))) for entry in warnings.filters]
    return [
        f"environ: {sorted(item for item in os.environ.items() if item[0].startswith(ENVIRONMENT_PREFIX))}",
        f"numpy: {numpy.get_printoptions()['precision']} {sorted(numpy.geterr().items())}",
        f"pandas: {pandas.get_option('display.precision')} {pandas.get_option('display.max_rows')}",
        f"warnings: {[told for told in filters if told[1].startswith(FILTER_PREFIX)]}",
        f"decimal: {decimal.getcontext().prec}",
        f"streams: {random.random()} {numpy.random.random()}",  # noqa: S311 - where the stream stands, told
    ]


class _Teller:
    """Numbers objects as they are met, and tells each once."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self._namespace = namespace
        self._numbers: dict[int, int] = {}
        self._texts: list[str] = []
        self._arrays: list[tuple[int, Any]] = []
        self._alive: list[Any] = []

    def lines(self) -> list[str]:
        """Return a line for each object met, and one for each two arrays over common memory."""
        numpy: Any = sys.modules["numpy"]
        found = [f"#{number} = {text}" for number, text in enumerate(self._texts)]
        for position, (number, array) in enumerate(self._arrays):
            for other, earlier in self._arrays[:position]:
                if numpy.shares_memory(array, earlier):
                    here, there = (held.__array_interface__["data"][0] for held in (array, earlier))
                    found.append(f"#{number} lies {here - there} bytes behind #{other}, {array.strides}")
        return found

    def told(self, value: Any) -> str:
        """Return the text of a value; that of an object with an identity is its number."""
        kind = type(value)
        if kind in PLAIN:
            return repr(value)
        if kind in {tuple, frozenset}:
            return f"{kind.__name__}({', '.join(map(self.told, value))})"
        if kind.__module__ == "numpy" and kind.__name__ != "ndarray":
            return f"{kind.__name__} {value!r}"
        if isinstance(value, types.ModuleType | types.BuiltinFunctionType):
            return f"{kind.__name__} {value.__name__}"
        if isinstance(value, type) and value.__module__ != "__main__":
            return f"class {value.__module__}.{value.__qualname__}"
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._texts)
            self._alive.append(value)
            self._texts.append("")
            self._texts[number] = self._content(value, number)
        return f"#{number}"

    def _content(self, value: Any, number: int) -> str:
        kind = type(value)
        if isinstance(value, list):
            return f"list {self._all(value)}"
        if isinstance(value, set):
            return f"set {self._all(sorted(value))}"
        if isinstance(value, dict):
            return f"dict {self._pairs(value)}"
        if kind.__name__ == "ndarray":
            self._arrays.append((number, value))
            return f"array {value.dtype} {value.shape} {self._all(value.ravel().tolist())}"
        if kind.__name__ == "DataFrame":
            return f"frame {self._frame(value)}"
        if kind.__name__ == "Series":
            return f"series {value.name!r} {self._column(value)} index {self._column(value.index)}"
        if kind.__name__ == "Generator":
            return f"generator {value.bit_generator.state}"
        if isinstance(value, functools.partial):
            return f"partial {self.told(value.func)} {self.told(value.args)} {self._pairs(value.keywords)}"
        if isinstance(value, types.MethodType):
            return f"method {value.__name__} of {self.told(value.__self__)}"
        return self._code(value)

    def _code(self, value: Any) -> str:
        if isinstance(value, types.FunctionType):
            code = hashlib.sha256(value.__code__.co_code).hexdigest()[:8]
            here = "" if value.__globals__ is self._namespace else " on globals of its own"
            parts = (value.__defaults__, value.__kwdefaults__, value.__closure__, vars(value))
            return f"function {value.__qualname__} {code}{here} {' '.join(self._part(part) for part in parts)}"
        if isinstance(value, types.CellType):
            return f"cell {self.told(value.cell_contents)}"
        if isinstance(value, type):
            # In an order of their own: cloudpickle sorts a class's members.
            members = {name: vars(value)[name] for name in sorted(vars(value).keys() - _PLUMBING)}
            return f"class {value.__qualname__} {self._all(value.__bases__)} {self._pairs(members)}"
        if isinstance(value, staticmethod | classmethod):
            return f"{type(value).__name__} {self.told(value.__func__)}"
        return f"instance of {self.told(type(value))} {self._pairs(vars(value))}"

    def _part(self, value: Any) -> str:
        # A function's own dictionary of attributes is made when it is asked for.
        return self._pairs(value) if type(value) is dict else self.told(value)

    def _frame(self, value: Any) -> str:
        columns = [f"{name!r}: {self._column(value[name])}" for name in value.columns]
        return f"{{{', '.join(columns)}}} index {self._column(value.index)} attrs {self._pairs(value.attrs)}"

    def _column(self, value: Any) -> str:
        return f"{value.dtype} {self._all(value.tolist())} {value.name!r}"

    def _all(self, values: Iterable[Any]) -> str:
        return f"[{', '.join(map(self.told, values))}]"

    def _pairs(self, value: Mapping[Any, Any]) -> str:
        return f"{{{', '.join(f'{self.told(key)}: {self.told(item)}' for key, item in value.items())}}}"
