"""Random programs that never raise: what is known of each variable is tracked while the statements are drawn.

A statement that needs a list takes one of the lists there are, or makes one first, so every kind of statement can come
at any place. A function's body names variables of the notebook: what they have to be is kept with the function, and
it is called only where they are. What a call returns may be anything, and is shared, kept and told, never relied on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAMES = ("x", "y", "z", "f", "g", "h", "_k", "max")
FILES = ("a.txt", "b.txt")
IMPORTS = """\
import decimal
import functools
import os
import random
import warnings
from pathlib import Path

import numpy as np
import pandas as pd"""
STATEMENTS = (4, 14)
_ANY = "any"
# What a function's body may ask of a name beside a kind.
_BOUND = "bound"
_MEETS = {"takes attributes": {"function", "class", "instance"}}

_T = TypeVar("_T")


@dataclass(frozen=True)
class Program:
    """Statements, which of them start a step, and the number of the step to be edited."""

    statements: tuple[str, ...]
    starts: frozenset[int]
    number: int

    @property
    def steps(self) -> dict[str, str]:
        """The source of each step, by name."""
        found: list[list[str]] = []
        for number, statement in enumerate(self.statements):
            if not found or number in self.starts:
                found.append([])
            found[-1].append(statement)
        return {chr(ord("a") + number): "\n".join(statements) for number, statements in enumerate(found)}

    @property
    def edited(self) -> str:
        """The name of the step to be edited."""
        return list(self.steps)[self.number % len(self.steps)]

    def __str__(self) -> str:
        """Return the program as a case of the table is written."""
        steps = (f"=== step:{name}\n{source}" for name, source in self.steps.items())
        return "\n".join((f"=== imports\n{IMPORTS}", *steps))

    def notebook(self, edited: str = "") -> dict[str, Any]:
        """Return the notebook, the step of that name edited without changing what it does."""
        cells = [("imports", IMPORTS)]
        cells += [
            (f"step:{name}", f"{source}\npass" * (name == edited) or source) for name, source in self.steps.items()
        ]
        return document([{"tags": [tag], "source": source} for tag, source in cells])


def document(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the JSON of a notebook with these code cells."""
    return {
        "cells": [
            {
                "cell_type": "code",
                "id": f"c{number}",
                "metadata": {"tags": cell.get("tags", [])},
                "execution_count": None,
                "outputs": [],
                "source": cell["source"],
            }
            for number, cell in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


@dataclass(frozen=True)
class Held:
    """What is known of a variable: its kind, and what calling it needs other variables to be."""

    kind: str
    needs: frozenset[tuple[str, str]] = frozenset()

    def or_(self, other: Held) -> Held:
        """Return what is known when it is one or the other."""
        return Held(self.kind if self.kind == other.kind else _ANY, self.needs | other.needs)


@dataclass
class _Writer:
    """Draws statements; `held` is what each name surely holds below them."""

    choose: Callable[[Any], Any]
    held: dict[str, Held] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    # --- names

    def pick(self, *options: _T) -> _T:
        found: _T = self.choose(st.sampled_from(options))
        return found

    def target(self) -> str:
        return self.pick(*NAMES)

    def of(self, kind: str) -> str:
        """Return a variable of that kind, made before the statement when there is none."""
        names = [name for name in NAMES if name in self.held and self.held[name].kind == kind]
        return self.pick(*names) if names else self.made(_MAKE[kind])

    def run(self, *ways: Callable[[], str]) -> str:
        """Return what one of several ways gives."""
        text: str = self.pick(*ways)()
        return text

    def made(self, make: Callable[[_Writer, str], None]) -> str:
        """Make a variable and return its name, a free one if there is any."""
        name: str = self.pick(*([free for free in NAMES if free not in self.held] or NAMES))
        make(self, name)
        return name

    def bound(self) -> str:
        names = [name for name in NAMES if name in self.held]
        return self.pick(*names) if names else self.of("list")

    def value(self) -> str:
        """Return an expression for any value, most often a variable."""
        return self.run(self.bound, self.bound, lambda: "[0]", lambda: "1")

    def write(self, *lines: str) -> None:
        self.lines += lines

    def bind(self, name: str, kind: str, needs: frozenset[tuple[str, str]] = frozenset()) -> None:
        self.held[name] = Held(kind, needs)

    def needs_of(self, *names: str) -> frozenset[tuple[str, str]]:
        return frozenset(need for name in names for need in self.held[name].needs)

    def can_call(self, name: str, on_the_way: frozenset[str] = frozenset()) -> bool:
        """Say whether all that calling the function needs is there, now."""
        return self._meets(self.held[name].needs, on_the_way | {name})

    def _meets(self, needs: frozenset[tuple[str, str]], on_the_way: frozenset[str]) -> bool:
        for name, kind in needs:
            held = self.held.get(name)
            if held is None or (held.kind not in _MEETS.get(kind, {kind}) and kind != _BOUND):
                return False
            if kind == "function" and (name in on_the_way or not self._meets(held.needs, on_the_way | {name})):
                return False
        return True

    def called(self, kind: str = "function") -> str:
        """Return a function, or an object, that can be called now."""
        names = [name for name in NAMES if name in self.held and self.held[name].kind == kind and self.can_call(name)]
        return self.pick(*names) if names else self.made(_plain_instance if kind == "instance" else _pure)

    # --- blocks

    def branch(self, act: Callable[[], None]) -> tuple[list[str], dict[str, Held]]:
        """Draw statements of their own; return them and what is known after them."""
        outer, before = self.lines, dict(self.held)
        self.lines = []
        act()
        drawn, self.lines = self.lines, outer
        after, self.held = self.held, before
        return [f"    {line}" for statement in drawn for line in statement.split("\n")] or ["    pass"], after

    def join(self, one: Mapping[str, Held], other: Mapping[str, Held]) -> None:
        self.held = {name: one[name].or_(other[name]) for name in one if name in other}


# --- values of each kind


def _make_number(w: _Writer, t: str) -> None:
    w.write(f"{t} = {w.pick('1', '2', '5')}")
    w.bind(t, "number")


def _make_list(w: _Writer, t: str) -> None:
    w.write(f"{t} = {w.pick('[]', '[1]', '[[1], [2]]', '[[]] * 2', '[{}]')}")
    w.bind(t, "list")


def _make_dict(w: _Writer, t: str) -> None:
    w.write(f"{t} = " + w.pick("{}", '{"a": 1}', '{"a": [1]}'))
    w.bind(t, "dict")


def _make_set(w: _Writer, t: str) -> None:
    w.write(f"{t} = {{1, 2}}")
    w.bind(t, "set")


def _make_array(w: _Writer, t: str) -> None:
    w.write(f"{t} = {w.pick('np.arange(4)', 'np.zeros(4)', 'np.arange(6).reshape(2, 3)')}")
    w.bind(t, "array")


def _make_frame(w: _Writer, t: str) -> None:
    other = w.pick("[1.5, 2.5, 3.5]", "[4, 5, 6]", "list('abc')")
    w.write(f'{t} = pd.DataFrame({{"p": [3, 1, 2], "q": {other}}})')
    w.bind(t, "frame")


def _make_series(w: _Writer, t: str) -> None:
    frame = w.of("frame")
    w.write(f'{t} = {frame}["p"]')
    w.bind(t, "series")


def _make_rng(w: _Writer, t: str) -> None:
    w.write(f"{t} = np.random.default_rng({w.pick('0', '1')})")
    w.bind(t, "rng")


def _make_function(w: _Writer, t: str) -> None:
    w.pick(*_FUNCTIONS)(w, t)


def _make_class(w: _Writer, t: str) -> None:
    held = w.run(lambda: "[]", lambda: w.of("list"))
    kept = w.pick("self.held.append(value)", "self.value = [self.value, value]", "")
    name = "" if kept else w.of("list")
    _define_class(w, t, held, kept or f"{name}.append(self.value)")
    w.bind(t, "class", frozenset({(name, "list")} if name else ()))


def _define_class(w: _Writer, t: str, held: str = "[]", kept: str = "self.held.append(value)") -> None:
    w.write(
        f"class {t}:\n    held = {held}\n    count = 0\n    def __init__(self, value):\n        self.value = value\n"
        f"        type(self).count += 1\n    def add(self, value):\n        {kept}\n        return self"
    )


def _plain_instance(w: _Writer, t: str) -> None:
    _define_class(w, t)
    w.write(f"{t} = {t}(1)")
    w.bind(t, "instance")


def _make_instance(w: _Writer, t: str) -> None:
    of = w.of("class")
    w.write(f"{t} = {of}({w.value()})")
    w.bind(t, "instance", w.needs_of(of))


_MAKE: dict[str, Callable[[_Writer, str], None]] = {
    "number": _make_number,
    "list": _make_list,
    "dict": _make_dict,
    "set": _make_set,
    "array": _make_array,
    "frame": _make_frame,
    "series": _make_series,
    "rng": _make_rng,
    "function": _make_function,
    "class": _make_class,
    "instance": _make_instance,
}


# --- functions


def _define(w: _Writer, t: str, body: str, *needs: tuple[str, str], parameters: str = "v=0") -> None:
    w.write(f"def {t}({parameters}):\n    " + body.replace("\n", "\n    "))
    w.bind(t, "function", frozenset(needs))


def _pure(w: _Writer, t: str) -> None:
    _define(w, t, "return [v]")


def _lambda(w: _Writer, t: str) -> None:
    name = w.bound()
    w.write(f"{t} = lambda v=0: (v, {name})")
    w.bind(t, "function", frozenset({(name, _BOUND)}))


def _reads_global(w: _Writer, t: str) -> None:
    name = w.bound()
    _define(w, t, f"return {name}", (name, _BOUND))


def _changes_global(w: _Writer, t: str) -> None:
    kind, change = w.pick(
        ("list", "{}.append(v)"),
        ("dict", '{}["k"] = v'),
        ("array", "{}[0] += 1"),
        ("frame", "{}.iloc[0, 0] += 1"),
        ("class", "{}.count += 1"),
        ("instance", "{}.value = v"),
        ("rng", "{}.integers(9)"),
    )
    name = w.of(kind)
    _define(w, t, f"{change.format(name)}\nreturn {name}", (name, kind))


def _binds_global(w: _Writer, t: str) -> None:
    kind, change = w.pick(("number", "{0} += 1"), ("list", "{0} = [v, {0}]"), ("list", "{0} += [v]"))
    name = w.of(kind)
    _define(w, t, f"global {name}\n{change.format(name)}\nreturn {name}", (name, kind))


def _mutable_default(w: _Writer, t: str) -> None:
    default = w.run(lambda: "[]", lambda: w.of("list"))
    _define(w, t, "seen.append(v)\nreturn seen", parameters=f"v=0, seen={default}")


def _counts_itself(w: _Writer, t: str) -> None:
    _define(w, t, f'{t}.calls = getattr({t}, "calls", 0) + 1\nreturn {t}', (t, "takes attributes"))


def _calls_another(w: _Writer, t: str) -> None:
    other = w.of("function")
    if other == t:
        _pure(w, t)
    else:
        _define(w, t, f"return {other}(v)", (other, "function"))


def _keeps_another(w: _Writer, t: str) -> None:
    other = w.of("function")
    needs = w.needs_of(other)
    _define(w, t, "return kept(v)", *needs, parameters=f"v=0, kept={other}")


def _partial(w: _Writer, t: str) -> None:
    other = w.of("function")
    needs = w.needs_of(other)
    w.write(f"{t} = functools.partial({other}, {w.value()})")
    w.bind(t, "partial", needs)


def _closure(w: _Writer, t: str) -> None:
    start = w.value()
    body = f"held = [{start}]\ndef inner(v=0):\n    held.append(v)\n    return held\nreturn inner"
    indented = body.replace("\n", "\n    ")
    w.write(f"def {t}():\n    {indented}\n{t} = {t}()")
    w.bind(t, "function")


def _two_closures(w: _Writer, t: str) -> None:
    other = w.pick(*(name for name in NAMES if name != t))
    w.write(
        f"def {t}():\n    n = 0\n    def up(v=0):\n        nonlocal n\n        n += 1\n        return n\n"
        f"    def told(v=0):\n        return n\n    return up, told\n{t}, {other} = {t}()"
    )
    w.bind(t, "function")
    w.bind(other, "function")


def _decorated(w: _Writer, t: str) -> None:
    other = w.of("function")
    needs = w.needs_of(other)
    w.write(
        f"def {t}(inner):\n    @functools.wraps(inner)\n    def outer(v=0):\n        return [inner(v)]\n"
        f"    return outer\n{t} = {t}({other})"
    )
    w.bind(t, "function", needs)


def _draws(w: _Writer, t: str) -> None:
    _define(w, t, f"return {w.pick('random.random()', 'np.random.rand()')}")


def _writes_file(w: _Writer, t: str) -> None:
    _define(w, t, f'Path("{w.pick(*FILES)}").write_text(str(len([v])))\nreturn v')


def _sets_ambient(w: _Writer, t: str) -> None:
    _define(w, t, w.pick('os.environ["TOLD_A"] = "f"\nreturn v', "np.set_printoptions(precision=2)\nreturn v"))


_FUNCTIONS = (
    *(_pure, _lambda, _reads_global, _changes_global, _changes_global, _binds_global, _mutable_default),
    *(_calls_another, _keeps_another, _closure, _two_closures, _decorated, _draws, _writes_file, _sets_ambient),
    _counts_itself,
)


# --- statements


def _nothing(w: _Writer) -> None:
    del w


def _make(w: _Writer) -> None:
    kind = w.pick(*_MAKE)
    _MAKE[kind](w, w.target())


def _alias(w: _Writer) -> None:
    source, t = w.bound(), w.target()
    w.write(f"{t} = {source}")
    w.held[t] = w.held[source]


def _swap(w: _Writer) -> None:
    one, other = w.bound(), w.bound()
    w.write(f"{one}, {other} = {other}, {one}")
    w.held[one], w.held[other] = w.held[other], w.held[one]


def _collect(w: _Writer) -> None:
    one, other, t = w.bound(), w.value(), w.target()
    kind, form = w.pick(
        ("list", "[{}, {}]"), ("dict", '{{"a": {}, "b": {}}}'), (_ANY, "({}, {})"), ("list", "[[{}], {}]")
    )
    w.write(f"{t} = {form.format(one, other)}")
    w.bind(t, kind)


def _chain(w: _Writer) -> None:
    one, other = w.target(), w.target()
    w.write(f"{one} = {other} = []")
    w.bind(one, "list")
    w.bind(other, "list")


def _delete(w: _Writer) -> None:
    name = w.bound()
    w.write(f"del {name}")
    del w.held[name]


def _count(w: _Writer) -> None:
    n = w.of("number")
    w.write(f"{n} {w.pick('+=', '*=')} 2")


def _measure(w: _Writer) -> None:
    source = w.run(lambda: f"len({w.of('list')})", lambda: f"len({w.of('dict')})")
    t = w.target()
    w.write(f"{t} = {source}")
    w.bind(t, "number")


def _change_list(w: _Writer) -> None:
    x = w.of("list")
    form = w.pick(
        "{0}.append({1})",
        "{0} += [{1}]",
        "{0}.insert(0, {1})",
        "{0}[:1] = [{1}]",
        "{0}.extend([{1}, 0])",
        "{0}.reverse()",
        "{0}.clear()",
        "if {0}:\n    {0}.pop()",
        "if {0}:\n    {0}[-1] = {1}",
    )
    w.write(form.format(x, w.value() if "{1}" in form else ""))


def _change_items(w: _Writer) -> None:
    x = w.of("list")
    w.write(
        w.pick(
            "[item.append(7) for item in {0}[:] if isinstance(item, list)]",
            'if {0} and isinstance({0}[0], dict):\n    {0}[0]["c"] = 7',
            "for item in {0}[:]:\n    if isinstance(item, np.ndarray) and item.flags.writeable:\n        item += 1",
            "for item in {0}[:]:\n    if isinstance(item, pd.DataFrame):\n        item.iloc[0, 0] = 7",
        ).format(x)
    )


def _change_any(w: _Writer) -> None:
    x = w.bound()
    w.write(f"if isinstance({x}, (list, tuple)) and {x} and isinstance({x}[0], list):\n    {x}[0].append(8)")


def _copy(w: _Writer) -> None:
    kind, form = w.pick(
        ("list", "{}[:]"),
        ("list", "{} + [0]"),
        ("list", "list({})"),
        ("dict", "dict({})"),
        ("dict", '{{**{}, "m": 0}}'),
        ("set", "{} | {{3}}"),
        ("array", "{}.copy()"),
        ("array", "{} + 1"),
        ("array", "np.asarray({})"),
        ("frame", "{}.copy()"),
        ("frame", "{}.head(2)"),
        ("frame", '{}[["p"]]'),
        ("frame", "{}.assign(r=1)"),
        ("frame", "{}.iloc[::-1]"),
    )
    source, t = w.of(kind), w.target()
    w.write(f"{t} = {form.format(source)}")
    w.bind(t, kind)


def _change_dict(w: _Writer) -> None:
    x = w.of("dict")
    form = w.pick(
        '{0}["a"] = {1}',
        "{0}.update(b={1})",
        '{0} |= {{"c": {1}}}',
        '{0}.pop("a", None)',
        '{0}.setdefault("l", []).append({1})',
    )
    # Under "l" there is nothing but what `setdefault` put there.
    w.write(form.format(x, w.value() if "{1}" in form else ""))


def _change_set(w: _Writer) -> None:
    x = w.of("set")
    w.write(f"{x}{w.pick('.add(5)', ' |= {6}', '.discard(1)')}")


def _view(w: _Writer) -> None:
    a, t = w.of("array"), w.target()
    w.write(f"{t} = {a}{w.pick('[:2]', '[::2]', '[::-1]', '.reshape(-1)', '.T', '[-1:]', '[:]')}")
    w.bind(t, "array")


def _change_array(w: _Writer) -> None:
    a = w.of("array")
    form = w.pick("{}[0] = 9", "{}[-1] += 1", "{} += 1", "{}[:] = 0", "{}.sort()", "{}[:1] *= 2")
    w.write(form.format(a))


def _change_frame(w: _Writer) -> None:
    form = w.pick(
        '{}["r"] = 1',
        '{0}["s"] = {0}["p"] * 2',
        "{}.iloc[0, 0] = 9",
        '{}.loc[{0}["p"] > 1, "p"] = 0',
        '{}.sort_values("p", inplace=True)',
        '{}.drop(columns="r", errors="ignore", inplace=True)',
        '{}.index.name = "k"',
        '{0}["o"] = [{1} for _ in range(len({0}))]',
        '{}.attrs["k"] = [1]',
    )
    rows = [name for name in NAMES if name in w.held and w.held[name].kind == "list"]
    x = w.of("frame")
    w.write(form.replace("{}", "{0}").format(x, w.pick(*(({*rows} - {x} and sorted({*rows} - {x})) or ["[]"]))))


def _change_series(w: _Writer) -> None:
    s = w.of("series")
    w.write(w.pick("{}.iloc[0] = 8", "{} += 1", '{}.name = "n"').format(s))


def _array_of_frame(w: _Writer) -> None:
    source, t = w.of("frame"), w.target()
    w.write(f'{t} = {source}["p"].to_numpy()')
    w.bind(t, "read-only array")


def _call(w: _Writer) -> None:
    name = w.called()
    argument, t = w.value(), w.target()
    if w.pick(0, 1):
        w.write(f"{t} = {name}({argument})")
        w.bind(t, _ANY)
    else:
        w.write(f"{name}({argument})")


def _define_function(w: _Writer) -> None:
    _make_function(w, w.target())


def _make_partial(w: _Writer) -> None:
    _partial(w, w.target())


def _call_partial(w: _Writer) -> None:
    names = [name for name in NAMES if name in w.held and w.held[name].kind == "partial" and w.can_call(name)]
    if not names:
        _make_partial(w)
    else:
        t = w.target()
        w.write(f"{t} = {w.pick(*names)}()")
        w.bind(t, _ANY)


def _change_instance(w: _Writer) -> None:
    o = w.called("instance")
    t = w.target()
    form = w.pick(
        "{0}.value = {1}", "{0}.add({1})", "{0}.more = {1}", "{2} = {0}.value", "{2} = {0}.held", "{2} = {0}.add"
    )
    value = w.value()
    w.write(form.format(o, value, t))
    if form == "{2} = {0}.add":
        w.bind(t, "partial", frozenset({("", "")}))
    elif form.startswith("{2}"):
        w.bind(t, _ANY)


def _change_class(w: _Writer) -> None:
    c = w.of("class")
    w.write(w.pick("{}.count += 1", "{}.held.append(3)", "{}.more = {}").replace("{}", c, 1).replace("{}", w.value()))


def _subclass(w: _Writer) -> None:
    c, t = w.of("class"), w.target()
    needs = w.needs_of(c)
    w.write(f"class {t}({c}):\n    extra = {w.value()}")
    w.bind(t, "class", needs)


def _seed(w: _Writer) -> None:
    w.write(w.pick("random.seed(1)", "np.random.seed(2)"))


def _draw(w: _Writer) -> None:
    t = w.target()
    kind, form = w.pick(
        ("number", "random.randint(0, 9)"),
        ("number", "int(np.random.randint(9))"),
        ("array", "np.random.rand(3)"),
        (_ANY, "random.random()"),
        ("rng", ""),
    )
    if kind == "rng":
        form, kind = f"int({w.of('rng')}.integers(9))", "number"
    w.write(f"{t} = {form}")
    w.bind(t, kind)


def _shuffle(w: _Writer) -> None:
    w.write(w.run(lambda: f"random.shuffle({w.of('list')})", lambda: f"np.random.shuffle({w.of('array')})"))


def _path(w: _Writer, file: str) -> str:
    """Return an expression of a path: as text, or so that no text names it."""
    stem, _, ending = file.partition(".")
    return w.pick(f'"{file}"', f'".".join(["{stem}", "{ending}"])')


def _write_file(w: _Writer) -> None:
    file, n = w.pick(*FILES), w.of("number")
    path, other = _path(w, file), _path(w, w.pick(*FILES))
    w.write(
        w.pick(
            f"Path({path}).write_text(str({n}))",
            f"if os.path.exists({path}):\n    os.remove({path})",
            f"if os.path.exists({path}):\n    os.replace({path}, {other})",
            'Path("{0}").write_text(str({1}))',
            'with open("{0}", "a") as _file:\n    _file.write(str({1}))\ndel _file',
            'with open("{0}", "w") as _file:\n    print({1}, file=_file)\ndel _file',
            'if Path("{0}").exists():\n    Path("{0}").unlink()',
        ).format(file, n)
    )


def _read_file(w: _Writer) -> None:
    file, t = w.pick(*FILES), w.target()
    path = _path(w, file)
    form = w.pick(
        f'Path("{file}").read_text() if Path("{file}").exists() else ""',
        f'Path({path}).read_text() if Path({path}).exists() else ""',
        f"os.path.exists({path})",
        f"Path({path}).is_file()",
        f"os.stat({path}).st_size if os.access({path}, os.R_OK) else -1",
        'sorted(name for name in os.listdir(".") if name.endswith(".txt"))',
    )
    w.write(f"{t} = {form}")
    w.bind(t, _ANY)


def _ambient(w: _Writer) -> None:
    t = w.target()
    text, kind = w.pick(
        ('os.environ["TOLD_A"] = "1"', ""),
        ('os.environ["TOLD_B"] = os.environ.get("TOLD_A", "none")', ""),
        ('os.environ.pop("TOLD_A", None)', ""),
        ("np.set_printoptions(precision=3)", ""),
        ('np.seterr(divide="ignore")', ""),
        ('pd.set_option("display.precision", 3)', ""),
        ('warnings.filterwarnings("ignore", message="told one")', ""),
        ('warnings.filterwarnings("once", message="told two")', ""),
        ("decimal.getcontext().prec = 5", ""),
        ('{} = os.environ.get("TOLD_A", "none")', _ANY),
        ('{} = os.environ.get("_".join(["TOLD", "A"]), "none")', _ANY),
        ("{} = str(np.array([1 / 3]))", _ANY),
        ("{} = decimal.Decimal(1) / 3", _ANY),
    )
    w.write(text.format(t) if kind else text)
    if kind:
        w.bind(t, kind)


_CHANGES = (_change_list, _change_dict, _change_array, _change_frame, _count, _call, _draw, _alias, _change_instance)


def _if(w: _Writer) -> None:
    act = w.pick(*_CHANGES)
    _made_before(w, act)
    # After what may take a number's name.
    n = w.of("number")
    then, after = w.branch(lambda: act(w))
    if w.pick(0, 1):
        other = w.pick(*_CHANGES)
        otherwise, after_other = w.branch(lambda: other(w))
        w.write("\n".join([f"if {n} % 2:", *then, "else:", *otherwise]))
        w.join(after, after_other)
    else:
        w.write("\n".join([f"if {n} % 2:", *then]))
        w.join(after, w.held)


def _for(w: _Writer) -> None:
    act = w.pick(*_CHANGES)
    _made_before(w, act)
    t = w.target()
    times = w.pick("2", "0")
    before = dict(w.held)
    w.bind(t, "number")
    drawn, after = w.branch(lambda: act(w))
    if any(after[name] != held for name, held in w.held.items() if name != t):
        # A second round would find other kinds than the first.
        times = "0" if times == "0" else "1"
    w.write("\n".join([f"for {t} in range({times}):", *drawn]))
    w.held = before if times == "0" else after


def _made_before(w: _Writer, act: Callable[[_Writer], None]) -> None:
    """Make what a branch changes, so that it is changed and not made there."""
    kinds: dict[Callable[[_Writer], None], str] = {
        _change_list: "list",
        _change_dict: "dict",
        _change_array: "array",
        _change_frame: "frame",
    }
    kind = kinds.get(act)
    if kind is not None:
        w.of(kind)


_STATEMENTS: tuple[Callable[[_Writer], None], ...] = (
    _nothing,
    *(_make, _make, _alias, _alias, _swap, _collect, _collect, _chain, _delete, _count, _measure),
    *(_change_list, _change_list, _change_items, _change_any, _copy, _copy, _change_dict, _change_set),
    *(_view, _view, _change_array, _change_array, _change_frame, _change_frame, _change_series, _array_of_frame),
    *(_call, _call, _define_function, _define_function, _make_partial, _call_partial),
    *(_change_instance, _change_instance, _change_class, _subclass),
    *(_seed, _draw, _draw, _shuffle, _write_file, _read_file, _ambient, _ambient, _if, _for),
)


@st.composite
def programs(draw: Any) -> Program:
    """Draw a program and where it is cut into steps."""
    writer = _Writer(draw)
    cuts = []
    for _ in range(draw(st.integers(*STATEMENTS))):
        length = len(writer.lines)
        draw(st.sampled_from(_STATEMENTS))(writer)
        if len(writer.lines) > length and draw(st.booleans()):
            cuts.append(len(writer.lines) if draw(st.booleans()) else length)
    statements = tuple(writer.lines) or ("pass",)
    return Program(statements, frozenset(cut for cut in cuts if cut < len(statements)), draw(st.integers(0, 13)))
