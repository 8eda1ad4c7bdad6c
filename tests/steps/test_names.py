"""What the reader says of a cell, as a table to be checked by eye.

Each case is a text and what it must be read as: `uses`, `defines`, `maybe` (the part of `defines` that is not sure),
`deferred` and `deletes`, where what is not written must be empty, and, only where written, `changes` (may be changed in
place), `optional`, `called` and `barrier`.
"""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import sys
import time
from importlib import import_module
from types import CodeType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_nb.notebook.cells import Cell
from mlops_nb.steps.flow import Flow, reach
from mlops_nb.steps.names import read_flow

if TYPE_CHECKING:
    from collections.abc import Callable


def flow_of(source: str, **known: Any) -> Flow:
    flow, diagnostics = read_flow(Cell("c", 0, "code", source), **known)
    assert diagnostics == []
    return flow


NAMES = [
    # --- plain reading and binding
    ("x = y", "uses y; defines x"),
    ("x", "uses x"),
    ("x = 1\ny = x", "defines x y"),
    ("y = x\nx = 1", "uses x; defines y x"),
    ("x = x", "uses x; defines x"),
    ("x = y = z", "uses z; defines x y"),
    ("a, (b, *c) = d", "uses d; defines a b c; changes d"),
    ("[a, b] = 1, 2", "defines a b"),
    ("x += 1", "uses x; defines x; changes x"),
    ("x = 0\nx += y", "uses y; defines x"),
    ("x: int = y", "uses y; defines x"),
    ("x: T", "uses T"),
    ("x: T = 1\nprint(x)", "uses T; defines x"),
    ("from __future__ import annotations\nx: T = 1", "defines annotations x; deferred T"),
    ("a[i] = v", "uses a i v; changes a"),
    ("a.b = v", "uses a v; changes a"),
    ("a.b[c].d = v", "uses a c v"),
    ("a[i] += v", "uses a i v"),
    ("f'{x!r:{width}} {y + 1}'", "uses x width y"),
    ("print(f'{x=}')", "uses x"),
    ("x[a:b:c]", "uses x a b c"),
    ("{k: v, **rest}", "uses k v rest"),
    ("{1: a, (a := 2): 3}", "uses a; defines a"),
    ("a if b else c", "uses b a c"),
    ("a < b < c", "uses a b c"),
    ("assert a, b", "uses a b"),
    ("raise E from c", "uses E c"),
    # --- Python's own names
    ("print(len(__name__), __file__, True)", ""),
    ("id = 42\nprint(id)", "defines id"),
    ("print(id)\nid = 42", "uses id; defines id; optional id"),
    ("display(get_ipython)", ""),
    ("__version__ = '1'\nprint(__version__)", "defines __version__"),
    # --- del
    ("del x", "uses x; deletes x"),
    ("x = 1\ndel x", "defines x; maybe x; deletes x"),
    ("x = 1\ndel x\nprint(x)", "uses x; defines x; maybe x; deletes x"),
    ("del x\nx = 1", "uses x; defines x; deletes x"),
    ("del a[i], b.c", "uses a i b; changes a b"),
    ("del (a, b)", "uses a b; deletes a b"),
    # --- walrus
    ("if (n := f()) > 1:\n    print(n)", "uses f; defines n"),
    ("a and (b := c)", "uses a c; defines b; maybe b"),
    ("print((y := x), y)", "uses x; defines y"),
    ("[last := v for v in vs]", "uses vs; defines last; maybe last"),
    ("[w for v in vs if (w := v)]\nprint(w)", "uses vs w; defines w; maybe w; optional w"),
    ("any((hit := v) for v in vs)", "uses vs; defines hit; maybe hit"),
    ("(a := 1) if c else (a := 2)", "uses c; defines a"),
    ("1 < 2 < (z := 3)", "defines z; maybe z"),
    # --- comprehensions
    ("[x for x in xs]", "uses xs"),
    ("[x for x in x]", "uses x"),
    ("{k: v for k, v in d.items() if k > low}", "uses d low"),
    ("[y for x in xs for y in x]", "uses xs"),
    ("[y for y in ys for x in y for y in x]", "uses ys"),
    ("x = 1\n[x for x in xs]\nprint(x)", "uses xs; defines x"),
    ("print(x)\n[x for x in xs]", "uses x xs"),
    ("g = (a * k for a in as_)", "uses as_ k; defines g"),
    ("[f(x) for x in xs if x in ok]", "uses xs f ok"),
    ("[(lambda: x + y)() for x in xs]", "uses xs y"),
    # --- functions
    ("def f(a):\n    return a + k", "defines f; deferred k"),
    ("def f(a=d):\n    pass", "uses d; defines f"),
    ("def f(a: T) -> R:\n    pass", "uses T R; defines f"),
    ("from __future__ import annotations\ndef f(a: T) -> R: pass", "defines annotations f; deferred R T"),
    ("@deco\ndef f(): pass", "uses deco; defines f; called deco"),
    ("def f():\n    x = 1\n    return x", "defines f"),
    ("def f():\n    print(x)\n    x = 1", "defines f"),
    ("def f():\n    for v in vs:\n        print(last)\n        last = v", "defines f; deferred vs"),
    ("def f():\n    return f", "defines f; deferred f"),
    ("def f(): return k\nf()", "uses k; defines f"),
    ("def f(): return k\nk = 1\nf()", "defines f k; deferred k"),
    ("def f(): return k\nf()\nk = 1", "uses k; defines f k"),
    ("def f(x): return x + k\nys = map(f, xs)", "uses xs k; defines f ys; optional k"),
    ("def f(): return g()\ndef g(): return k\nf()", "uses k; defines f g; deferred g"),
    ("def f():\n    def g(): return k\n    return g", "defines f; deferred k"),
    ("def f():\n    k = 1\n    def g(): return k\n    return g", "defines f"),
    ("def f():\n    k = 1\n    def g():\n        nonlocal k\n        k = 2\n    return g\nk", "uses k; defines f"),
    ("def f():\n    global g\n    g = k", "defines f g; maybe g; deferred k"),
    ("def f():\n    global n\n    n += 1\nf()\nprint(n)", "uses n; defines f n; maybe n; optional n"),
    ("def f():\n    global n\n    del n", "defines f; deferred n; deletes n"),
    ("def f():\n    import a.b\n    return a.b.c + a.d", "defines f"),
    ("def f(*args, key=None, **rest): return args, key, rest", "defines f"),
    ("def f():\n    x: T = 1\n    return x", "defines f"),
    ("def f(df):\n    return [c for c in df if c in keep]", "defines f; deferred keep"),
    ("def f():\n    try:\n        pass\n    except E as e:\n        print(e)\n    print(e)", "defines f; deferred E"),
    ("def f():\n    yield x", "defines f; deferred x"),
    ("h = lambda a, b=d: a + b + k", "uses d; defines h; deferred k"),
    ("df.apply(lambda row: row.a + k)", "uses df k"),
    ("h = lambda: (y := 1) + y", "defines h"),
    ("h = {'a': lambda: k}", "defines h; deferred k"),
    ("h = lambda: k\nh()", "uses k; defines h"),
    ("f = partial(g, 1)", "uses partial g; defines f"),
    ("if c:\n    def f(): return a\nelse:\n    def f(): return b\nf()", "uses c a b; defines f"),
    # --- async
    ("async def f():\n    return await g(k)", "defines f; deferred g k"),
    ("x = await f(y)", "uses f y; defines x"),
    ("async for r in rows:\n    s = r", "uses rows; defines r s; maybe r s"),
    ("async with a as b:\n    pass", "uses a; defines b"),
    ("r = [x async for x in xs]", "uses xs; defines r"),
    # --- classes
    ("class A(B, metaclass=M):\n    x = y", "uses B M y; defines A"),
    ("class A:\n    def m(self): return w", "defines A; deferred w"),
    ("class A:\n    x = 1\n    def m(self): return x", "defines A; deferred x"),
    ("class A:\n    x = 1\n    y = x", "defines A"),
    ("class A:\n    x = x", "uses x; defines A"),
    ("class A:\n    t = 1\n    u = [t for _ in range(2)]", "uses t; defines A"),
    ("class A:\n    t = [1]\n    u = [v for v in t]", "defines A"),
    ("class A:\n    def m(self): return A.n", "defines A; deferred A"),
    ("class A:\n    def m(self): return w\na = A()", "uses w; defines A a; optional w"),
    ("class A:\n    def m(self): return w\nw = 1\na = A()", "defines A w a; deferred w"),
    ("@dataclass\nclass P:\n    x: float = 0\n    y: T = d", "uses dataclass T d; defines P"),
    ("class A:\n    global g\n    g = 1", "defines A g"),
    ("class A:\n    if c:\n        x = 1\n    y = x", "uses c x; defines A; optional x"),
    ("class A:\n    __k = 1\n    def m(self): return __k", "defines A; deferred _A__k"),
    ("def f():\n    class C:\n        y = k\n    return C", "defines f; deferred k"),
    # --- imports
    ("import a.b", "defines a"),
    ("import a.b as c", "defines c"),
    ("import a, b as c", "defines a c"),
    ("from a import b, c as d", "defines b d"),
    ("from . import x", "defines x"),
    ("from a import *\nprint(x)", "uses x"),
    ("import np\nnp.x = 1", "defines np"),
    # --- branches
    ("if c:\n    x = 1", "uses c; defines x; maybe x"),
    ("if c:\n    x = 1\nprint(x)", "uses c x; defines x; maybe x; optional x"),
    ("if c:\n    x = 1\nelse:\n    x = 2\nprint(x)", "uses c; defines x"),
    ("if c:\n    x = 1\nelse:\n    raise E\nprint(x)", "uses c E; defines x"),
    ("if c:\n    x = 1\nelif d:\n    x = 2\nprint(x)", "uses c d x; defines x; maybe x"),
    ("if True:\n    x = 1\nprint(x)", "defines x"),
    ("if __name__ == '__main__':\n    x = 1\nprint(x)", "defines x"),
    ("if c:\n    del x\nprint(x)", "uses c x; deletes x"),
    ("x = 1\nif c:\n    del x\nprint(x)", "uses c x; defines x; maybe x; deletes x"),
    # --- loops
    ("for i in xs:\n    t = i\nprint(t)", "uses xs t; defines i t; maybe i t; changes xs"),
    ("for i in [1, 2]:\n    t = i\nprint(t, i)", "defines i t"),
    ("for i in range(3):\n    t = i\nprint(t)", "defines i t"),
    ("for i in range(n):\n    t = i\nprint(t)", "uses n t; defines i t; maybe i t"),
    ("for i in [1]:\n    if c:\n        break\n    t = 1\nprint(t)", "uses c t; defines i t; maybe t"),
    ("for i in [1]:\n    if c:\n        continue\n    t = 1\nprint(t)", "uses c t; defines i t; maybe t"),
    ("for i in xs:\n    pass\nelse:\n    t = 1\nprint(t)", "uses xs; defines i t; maybe i"),
    ("for a[i] in xs:\n    pass", "uses xs a i; changes a xs"),
    ("for i in xs:\n    if i:\n        print(seen)\n    seen = 1", "uses xs seen; defines i seen; maybe i seen"),
    ("x = 1\nfor i in xs:\n    print(x)\n    del x", "uses xs x; defines x i; maybe x i; deletes x"),
    ("while c:\n    x = 1\nprint(x)", "uses c x; defines x; maybe x"),
    ("while True:\n    x = 1\n    if x:\n        break\nprint(x)", "defines x"),
    ("while (b := f()):\n    pass\nprint(b)", "uses f; defines b"),
    ("while c:\n    break\nelse:\n    x = 1", "uses c; defines x; maybe x"),
    # --- try
    ("try:\n    x = 1\nexcept E:\n    pass\nprint(x)", "uses E x; defines x; maybe x"),
    ("try:\n    x = 1\nexcept E:\n    x = 2\nprint(x)", "uses E; defines x"),
    ("try:\n    x = 1\nexcept E:\n    raise\nprint(x)", "uses E; defines x"),
    ("try:\n    x = 1\nfinally:\n    print(x)", "uses x; defines x; optional x"),
    ("try:\n    f()\nfinally:\n    x = 1", "uses f; defines x"),
    ("try:\n    f()\nexcept E as e:\n    print(e)", "uses f E; defines e; maybe e; deletes e"),
    ("e = 1\ntry:\n    f()\nexcept E as e:\n    pass\nprint(e)", "uses f E e; defines e; maybe e; deletes e"),
    ("try:\n    import a\nexcept ImportError:\n    a = None\nprint(a)", "defines a"),
    ("try:\n    x\nexcept NameError:\n    x = 1", "uses x; defines x; maybe x; optional x"),
    ("try:\n    f()\nexcept E:\n    pass\nelse:\n    x = 1", "uses f E; defines x; maybe x"),
    ("try:\n    f()\nexcept* E:\n    x = 1", "uses f E; defines x; maybe x"),
    # --- with
    ("with open(p) as f:\n    d = f.read()\nprint(d)", "uses p; defines f d"),
    ("with suppress(E):\n    x = 1\nprint(x)", "uses suppress E x; defines x; maybe x; optional x"),
    ("with a as b, c as (d, e):\n    pass", "uses a c; defines b d e; maybe d e; changes a c"),
    # --- match
    ("match v:\n    case 1:\n        x = 1\nprint(x)", "uses v x; defines x; maybe x"),
    ("match v:\n    case [a, *b]:\n        pass", "uses v; defines a b; maybe a b"),
    ("match v:\n    case {'k': a, **rest}:\n        pass", "uses v; defines a rest; maybe a rest"),
    ("match v:\n    case P(x=a) | Q(a):\n        pass\n    case _:\n        a = 1", "uses v P Q; defines a"),
    (
        "match v:\n    case m.K if m.ok:\n        x = 1\n    case other:\n        x = 2",
        "uses v m; defines x other; maybe other",
    ),
    # --- texts that are run
    ("eval('x + 1')", "uses x"),
    ("exec('y = x')\nprint(y)", "uses x; defines y"),
    ("exec('def f(): return k')\nf()", "uses k; defines f"),
    ("exec(code, {})", "uses code"),
    ("exec('y = x', space)", "uses space; changes space"),
    ("eval(text)", "uses text; barrier"),
    ("exec(f'{a} = 1')", "uses a; barrier"),
    ("globals()['x'] = y", "uses y; defines x"),
    ("print(globals()['x'])", "uses x"),
    ("globals()[name]", "uses name; barrier"),
    ("globals()[name] = 1", "uses name; barrier"),
    ("for n in names:\n    globals()[n] = 1", "uses names; defines n; maybe n; barrier"),
    ("del globals()['x']", "uses x; deletes x"),
    ("if 'x' not in globals():\n    x = 1", "uses x; defines x; maybe x; optional x"),
    ("'x' in dir() or 'y' in locals()", "uses x y; optional x y"),
    ("globals().get('x', d)", "uses x d; optional x"),
    ("globals().update(x=y)", "uses y; defines x"),
    ("locals()", "barrier"),
    ("def f():\n    return locals()", "defines f"),
    ("def f():\n    return globals()", "defines f; barrier"),
    ("vars(x)", "uses x"),
    ("get_ipython().user_ns", "barrier"),
    ("import __main__", "defines __main__; barrier"),
    ("import sys\nsys.modules[__name__]", "defines sys; barrier"),
    ("import sys\nsys.modules['json']", "defines sys"),
    ("df.query('a > @low and b < @high')", "uses df low high"),
    # --- magics
    ("%%time\nx = y", "uses y; defines x"),
    ("%%timeit\nx = y", "uses y"),
    ("%%timeit -n 10 s = 1\nx = s + y", "uses y"),
    ("%%capture out\nx = y", "uses y; defines x out"),
    ("%%bash\necho $x", ""),
    ("%%bash --out listing\nls", "defines listing"),
    ("%%writefile m.py\nx = y", ""),
    ("%%unheard_of\nx", "barrier"),
    ("%time x = f(y)", "uses f y; defines x"),
    ("%timeit -n 3 x = f(y)", "uses f y"),
    ("!ls {folder} $name", "uses folder name; optional folder name"),
    ("files = !ls {folder}", "uses folder; defines files"),
    ("x = %pwd", "defines x"),
    ("df?", "uses df; optional df"),
    ("df.head??", "uses df"),
    ("%run other.py", "barrier"),
    ("%store x", "barrier"),
    ("%matplotlib inline\nx = 1", "defines x"),
    ("for f in fs:\n    %time g(f)\n    !echo {f}", "uses fs g; defines f; maybe f"),
    ("pip install x", ""),
    ("ls", ""),
    ("ls\nx = 1", "uses ls; defines x"),
    ("ls = 1", "defines ls"),
    # --- IPython's history
    ("print(_, _3, Out[1])", ""),
    ("_ = f()\nprint(_)", "uses f; defines _"),
]


def words(expected: str) -> dict[str, set[str]]:
    parts = (part.split() for part in expected.split(";") if part.strip())
    return {part[0]: set(part[1:]) for part in parts}


@pytest.mark.parametrize(("source", "expected"), NAMES, ids=[source for source, _ in NAMES])
def test_a_cell_is_read_as_the_table_says(source: str, expected: str) -> None:
    flow = flow_of(source)
    want = words(expected)
    assert set(flow.uses) == want.get("uses", set()), "uses"
    assert set(flow.defines) == want.get("defines", set()), "defines"
    assert set(flow.defines) - flow.surely == want.get("maybe", set()), "maybe"
    assert flow.surely <= set(flow.defines)
    assert set(flow.deferred) == want.get("deferred", set()), "deferred"
    assert set(flow.deletes) == want.get("deletes", set()), "deletes"
    assert bool(flow.barrier) == ("barrier" in want), "barrier"
    if "changes" in want:
        assert set(flow.may_change) == want["changes"], "changes"
    if "called" in want:
        assert set(flow.called) == want["called"], "called"
    assert want.get("optional", set()) <= flow.optional <= set(flow.uses), "optional"


CHANGES = [
    ("x.append(1)", "x"),
    ("f(x, *ys, k=z.a[0])", "x ys z"),
    ("f([x, (y, z)], {'k': w})", "x y z w"),
    ("print(x, len(y), sorted(z), isinstance(v, w))", ""),
    ("f(x + y, not z, x == y)", ""),
    ("f(len(x))", ""),
    ("with x: pass", "x"),
    ("with x.lock() as y: pass", "x"),
    ("for _ in x: pass", "x"),
    ("for a in axes.flat: a.plot()", "axes"),
    ("for a, b in zip(xs, ys): a.fit(b)", "xs ys"),
    ("await x", "x"),
    ("a, b = x", "x"),
    ("f(*x)", "x"),
    ("[*x]", "x"),
    ("x |= y", "x"),
    ("x @= y", "x"),
    ("del x[0]", "x"),
    ("x[0][1].a = 2", "x"),
    # another name for the same object
    ("y = x\ny.append(1)", "x"),
    ("y = x.a['k']\ny.append(1)", "x"),
    ("y = x if c else z\ny.append(1)", "x z"),
    ("d = {'k': x}\nd['k'].append(1)", "x"),
    ("d = {}\nd['k'] = x\nd['k'].append(1)", "x"),
    ("y = x\nz = y\nz[0] = 1", "x"),
    ("(y := x).append(1)", "x"),
    ("y = list(xs)\ny[0].append(1)", "xs"),
    ("y = [v for v in xs]\ny[0].append(1)", "xs"),
    ("y = max(xs, ys)\ny.append(1)", "xs ys"),
    ("match x:\n    case [a, *_]: a.append(1)", "x"),
    # not from outside
    ("x = []\nx.append(1)", ""),
    ("x = y + 1\nx[0] = 1", ""),
    ("import numpy as np\nnp.sort(x)", "x"),
    # modules everybody knows are used, not changed; unless an attribute is set
    ("np.mean(x)", "x"),
    ("np.float_ = 1", "np"),
    # inside of functions: when they are called
    ("def f(): x.append(1)", ""),
    ("def f(): x.append(1)\nf()", "x"),
    ("def f():\n    y = x\n    y.append(1)\nf()", "x"),
    ("def f(v): v.append(1)\nf(x)", "x"),
    ("class A:\n    def m(self): x.append(1)\na = A()\na.m()", "x"),
    ("(lambda: x.append(1))()", "x"),
    ("def f():\n    def g(): x.append(1)\n    return g\nf()()", "x"),
    ("%timeit x.append(1)", "x"),
]


@pytest.mark.parametrize(("source", "expected"), CHANGES, ids=[source for source, _ in CHANGES])
def test_what_may_be_changed_in_place(source: str, expected: str) -> None:
    assert set(flow_of(source).may_change) == set(expected.split())


CALLS = [
    ("def f(): return a + g()", {"f": "a g"}),
    ("def f():\n    global n\n    n = 1", {"f": "n"}),
    ("def f():\n    def g(): return k\n    return g", {"f": "k"}),
    ("@deco\ndef f(a=d): return a", {"f": ""}),
    ("class A(B):\n    x = y\n    def m(self): return w\n    n = lambda self: v", {"A": "w v"}),
    ("class A:\n    class I:\n        def m(self): return w", {"A": "w"}),
    ("f = lambda: k", {"f": "k"}),
    ("pipe = Pipeline([('a', FunctionTransformer(lambda d: d[cols]))])", {"pipe": "cols"}),
    ("steps.append(lambda: k)", {"steps": "k"}),
    ("g = (a * k for a in xs)", {"g": "k"}),
    ("if c:\n    def f(): return a\nelse:\n    def f(): return b", {"f": "a b"}),
    ("def f(x): return [x for y in ys]", {"f": "ys"}),
]


@pytest.mark.parametrize(("source", "expected"), CALLS, ids=[source for source, _ in CALLS])
def test_a_function_carries_the_globals_of_its_body(source: str, expected: dict[str, str]) -> None:
    found = {name: set(reads) for name, reads in flow_of(source).calls.items()}
    assert found == {name: set(reads.split()) for name, reads in expected.items()}


def test_reach_follows_what_a_value_was_made_from() -> None:
    flow = flow_of("class A:\n    def m(self): return helper(k)\ndef helper(x): return x + j\na = A()\nb = [a]")
    assert reach(["b"], flow.calls, flow.holds) == {"helper", "k", "j"}
    assert reach(["unheard_of"], flow.calls, flow.holds) == set()


def test_a_decorated_function_carries_its_decorator_and_a_registry_what_was_registered() -> None:
    flow = flow_of("REG = []\ndef register(f):\n    REG.append(f)\n    return f\n@register\ndef g(): return k")
    assert "k" in reach(["REG"], flow.calls, flow.holds)
    assert "REG" in reach(["g"], flow.calls, flow.holds)


def test_a_registry_of_an_earlier_cell_holds_what_a_later_one_registered() -> None:
    register = "REG = []\ndef register(f):\n    REG.append(f)\n    return f"
    flow = sequence(register, "@register\ndef g(): return k")
    assert "k" in reach(["REG"], flow.calls, flow.holds)


def test_a_body_tells_what_a_call_does() -> None:
    body = flow_of(
        "def f(out):\n    log.append(1)\n    df.to_csv('a.csv')\n    eval(text)\n    random.random()"
    ).bodies["f"]
    assert set(body.may_change) == {"log", "df", "random"}
    assert body.writes_files == ("a.csv",)
    assert [place.line for place in body.barrier] == [4]
    assert set(body.ambient) == {"random"}


def test_names_that_other_cells_bind_shadow_builtins_magics_and_history() -> None:
    assert set(flow_of("print(max(x))").uses) == {"x"}
    assert set(flow_of("print(max(x))", rebound=frozenset({"max"})).uses) == {"max", "x"}
    assert set(flow_of("ls", rebound=frozenset({"ls"})).uses) == {"ls"}
    assert set(flow_of("_ + 1", rebound=frozenset({"_"})).uses) == {"_"}


def test_aliases_of_other_cells_tell_modules_from_values() -> None:
    source = "settings.update(a=1)\nrnd.shuffle(xs)\npick(xs)"
    first = flow_of("import random as rnd\nfrom random import choice as pick\nfrom config import settings")
    assert first.aliases == {"rnd": "random", "pick": "random:choice", "settings": "config:settings"}
    flow = flow_of(source, aliases=first.aliases)
    assert set(flow.ambient) == {"random"}
    assert set(flow.may_change) == {"settings", "xs"}
    assert "rnd" in flow_of(source).may_change


def test_postponed_annotations_of_an_earlier_cell_are_not_evaluated() -> None:
    assert set(flow_of("def f(a: T) -> R: pass\nx: S = 1").uses) == {"T", "R", "S"}
    assert set(flow_of("def f(a: T) -> R: pass\nx: S = 1", postponed_annotations=True).uses) == set()


def test_imports_are_listed_as_written() -> None:
    flow = flow_of("import a.b.c as d\nfrom e.f import g\nfrom . import h\nfrom ..i import j\nfrom k import *")
    assert flow.imports == ("a.b.c", "e.f", ".h", "..i", "k")
    assert flow.stars == ("k",)
    assert "m" in flow_of("import importlib\nx = importlib.import_module('m')").imports


def test_words_of_texts_are_kept() -> None:
    assert {"y", "x", "z"} <= flow_of("smf.ols('y ~ x + np.log(z)', data=df)").strings
    assert "z" in flow_of("q = f'a > {b} and z'").strings


def test_places_are_lines_of_the_cell() -> None:
    flow = flow_of("\n\n%time a = f(b)\nfiles = !ls \\\n   {folder}\ny = c\nz?\n")
    assert {name: place.line for name, place in flow.uses.items()} == {"f": 3, "b": 3, "folder": 4, "c": 6, "z": 7}
    nested = flow_of("%%time\n\nx = y\n!ls {z}\n")
    assert {name: place.line for name, place in nested.uses.items()} == {"y": 3, "z": 4}
    assert nested.uses["y"].cell == "c"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("x = 1\ny = (", 2),
        ("x = 1\nreturn x", 2),
        ("%matplotlib inline\n\nx = = 1", 3),
        ("%%time\nx = 1\ny = = 2", 3),
        ("break", 1),
        ("def f():\n    x = 1\n    global x", 3),
        ("  x = 1\n y = 2", 1),
    ],
)
def test_a_cell_that_is_not_python_is_a_diagnostic_with_its_line(source: str, line: int) -> None:
    _, diagnostics = read_flow(Cell("c", 4, "code", source))
    assert [(found.code, found.cell, found.cell_number, found.line) for found in diagnostics] == [
        ("MN005", "c", 5, line)
    ]
    assert f"cell 5, line {line}" in diagnostics[0].message
    assert diagnostics[0].fix


@pytest.mark.parametrize(
    "source", ["%lprun -f work -f help work(data)", "%prun -l 5 -s cumtime work(data)", "%mprun -f work work(data)"]
)
def test_what_a_profiler_runs_is_read_without_its_options(source: str) -> None:
    flow, diagnostics = read_flow(Cell("c", 0, "code", source))
    assert diagnostics == []
    assert {"work", "data"} <= set(flow.uses)


@pytest.mark.parametrize("source", ["y = (", "return x"])
def test_a_cell_that_is_to_raise_may_do_so_by_not_being_python(source: str) -> None:
    _, diagnostics = read_flow(Cell("c", 4, "code", source, tags=("raises-exception",)))
    assert diagnostics == []


def test_a_cell_that_is_to_raise_binds_nothing_for_sure() -> None:
    failing = read_flow(Cell("a", 0, "code", "x = load()", tags=("raises-exception",)))[0]
    assert set(failing.defines) == {"x"}
    assert "x" in Flow.sequence((failing, read_flow(Cell("b", 1, "code", "print(x)"))[0])).uses


EFFECTS = [
    ("'''About.'''\nimport a\nfrom b import c\n", []),
    ("x = 1\ny = [1, (2, x)]\nz: int = -x * 2\nf = lambda: g()\n", []),
    ("def f(): g()\nclass A(B):\n    x = 1\n@dataclass(frozen=True)\nclass P: pass\n@cache\ndef h(): pass", []),
    ("try:\n    import a\nexcept ImportError:\n    a = None", []),
    ("if TYPE_CHECKING:\n    from a import B", []),
    ("Vector = list[float]", []),
    ("x = f()\ny = a.b\nz = a[0]", [1, 2, 3]),
    ("a.b = 1\nx += 1\ndel x", [1, 2, 3]),
    ("@app.get('/')\ndef f(): pass", [1]),
    ("for i in xs:\n    pass", [1]),
    ("x = 1\nprint(x)", [2]),
    ("import a\n%matplotlib inline", [2]),
]


@pytest.mark.parametrize(("source", "lines"), EFFECTS)
def test_statements_with_effects(source: str, lines: list[int]) -> None:
    if source.startswith("@app"):
        lines = [2]  # a decorated function's line is that of its `def`
    assert [place.line for place in flow_of(source).effects] == lines


# --- cells in a row


def sequence(*sources: str) -> Flow:
    return Flow.sequence(flow_of(source) for source in sources)


def test_a_sequence_needs_what_its_first_cells_do_not_surely_bind() -> None:
    flow = sequence("if c:\n    x = 1\ny = 2", "print(x, y, z)")
    assert set(flow.uses) == {"c", "x", "z"}
    assert flow.optional == {"x"}


def test_a_sequence_that_calls_a_function_of_its_first_cell_needs_what_that_reads() -> None:
    assert set(sequence("def f(): return k", "y = 1").uses) == set()
    assert set(sequence("def f(): return k", "y = 1").deferred) == {"k"}
    assert set(sequence("def f(): return k", "y = f()").uses) == {"k"}
    assert set(sequence("def f(): return k", "k = 2", "y = f()").uses) == set()


def test_a_sequence_that_changes_a_value_of_its_own_changes_what_that_contains() -> None:
    assert set(sequence("d = {'a': x}", "d['a'].append(1)").may_change) == {"x"}
    assert set(sequence("d = {}", "d['a'] = 1").may_change) == set()


def test_a_deleted_name_is_not_sure_any_more() -> None:
    assert sequence("x = y = 1", "del x").surely == {"y"}
    assert set(sequence("x = 1", "del x", "print(x)").uses) == {"x"}


def test_an_empty_sequence_does_nothing() -> None:
    assert Flow.sequence([]) == Flow()


# --- Python 3.12


@pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695 came with Python 3.12")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f[T: B](a: T, b: S) -> T: return a + k", "uses S; defines f; deferred k B"),
        ("class A[T](B[T]):\n    x: T\n    def m(self) -> T: return k", "uses B; defines A; deferred k"),
        ("type P[T] = list[T] | Q", "defines P; deferred Q"),
    ],
)
def test_type_parameters_have_a_scope_of_their_own(source: str, expected: str) -> None:
    test_a_cell_is_read_as_the_table_says(source, expected)


# --- against the compiler

MODULES = ["argparse", "ast", "collections", "contextlib", "dataclasses", "enum", "functools"]
MODULES += ["inspect", "json.decoder", "logging", "pickle", "shutil", "statistics", "textwrap", "tokenize"]


def globals_of(code: CodeType, either: set[str]) -> set[str]:
    """Return the global names of compiled code; `either` gets those that a class body also binds."""
    stored = {found.argval for found in dis.get_instructions(code) if found.opname == "STORE_NAME"}
    names: set[str] = set()
    for found in dis.get_instructions(code):
        if found.opname in {"LOAD_GLOBAL", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"}:
            names.add(found.argval)
        elif found.opname == "LOAD_NAME":
            (either if found.argval in stored else names).add(found.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= globals_of(constant, either)
    return names


@pytest.mark.parametrize("module", MODULES)
def test_scopes_are_the_compilers(module: str) -> None:
    source = inspect.getsource(import_module(module))
    flow = flow_of(source)
    functions = [
        constant
        for constant in compile(source, module, "exec", dont_inherit=True).co_consts
        if isinstance(constant, CodeType)
        and constant.co_flags & inspect.CO_NEWLOCALS
        and constant.co_name in flow.calls
    ]
    assert functions
    for name in {code.co_name for code in functions}:
        either: set[str] = set()
        names = set().union(*(globals_of(code, either) for code in functions if code.co_name == name))
        own = {found for found in names if found in flow.defines or not (hasattr(builtins, found) or found[:2] == "__")}
        assert own <= flow.calls[name]
        if not any(name in found for found in flow.holds.values()):
            assert flow.calls[name] <= own | either


# --- against reality

VARIABLES = st.sampled_from("abcd")
FUNCTIONS = st.sampled_from(["f", "g"])


@st.composite
def expressions(draw: st.DrawFn, depth: int = 2) -> str:
    """Draw an expression over small integers and functions of no argument."""
    choice = draw(st.integers(0, 9 if depth else 3))
    if choice < 2:
        return draw(VARIABLES)
    if choice == 2:
        return draw(st.sampled_from(["0", "1", "2"]))
    if choice == 3:
        return f"{draw(FUNCTIONS)}()"
    one, two = draw(expressions(depth - 1)), draw(expressions(depth - 1))
    name = draw(VARIABLES)
    return [
        f"({one} + {two})",
        f"({one} and {two})",
        f"({one} if {name} else {two})",
        f"sum([{one} for {name} in range({two} % 3)])",
        f"({name} := {one})",
        f"(lambda {name}: {one})({two})",
    ][choice - 4]


@st.composite
def blocks(draw: st.DrawFn, depth: int = 2, *, in_loop: bool = False) -> list[str]:
    statements = draw(st.lists(statement(depth, in_loop=in_loop), min_size=1, max_size=4))
    return [line for lines in statements for line in lines]


@st.composite
def statement(draw: st.DrawFn, depth: int, *, in_loop: bool) -> list[str]:
    """Draw a statement, as its lines."""
    name, value = draw(VARIABLES), draw(expressions())
    simple = [f"{name} = {value}"] * 3 + [
        f"{name} += {value}",
        f"del {name}",
        value,
        f"{name}, {draw(VARIABLES)} = 1, {value}",
    ]
    simple += ["break", "continue"] if in_loop else []
    if depth == 0:
        return [draw(st.sampled_from(simple))]
    kind = draw(st.integers(0, 11))
    if kind < 6:
        return [draw(st.sampled_from(simple))]

    def inner(*, loop: bool = in_loop) -> list[str]:
        return [f"    {line}" for line in draw(blocks(depth - 1, in_loop=loop))]

    if kind == 6:
        return [f"if {value}:", *inner(), *(["else:", *inner()] if draw(st.booleans()) else [])]
    if kind == 7:
        items = draw(st.sampled_from(["range(2)", f"range({value} % 3)", "[1, 2]", "()"]))
        return [f"for {name} in {items}:", *inner(loop=True), *(["else:", *inner()] if draw(st.booleans()) else [])]
    if kind == 8:
        return ["while tick():", *inner(loop=True)]
    if kind == 9:
        caught = draw(
            st.sampled_from(["except NameError as e:", "except (NameError, TypeError):", "except ValueError:"])
        )
        final = ["finally:", *inner()] if draw(st.booleans()) else []
        return ["try:", *inner(), caught, *inner(), *final]
    body = [f"    {line}" for line in draw(blocks(depth - 1))]
    if kind == 10:
        return [f"class {draw(FUNCTIONS)}:", *body]
    declared = [f"    global {name}"] if draw(st.booleans()) else []
    return [f"def {draw(FUNCTIONS)}():", *declared, *body, f"    return {draw(VARIABLES)}"]


class Number(int):
    """A number that is nobody else's object, so that reading it tells where it came from."""


OUTSIDE: dict[str, Any] = {name: Number(value) for value, name in enumerate("abcd")}
OUTSIDE |= {name: type(name, (int,), {}) for name in "fg"}


class TooLong(Exception):  # noqa: N818 - not an error, but the end of a drawn program
    """The program reads names for ever."""


class Watched(dict[str, Any]):
    """A namespace that notes which names are read, or deleted, while they are the outside's."""

    def __init__(self) -> None:
        ticks = iter([True, True])
        super().__init__({**OUTSIDE, "tick": lambda: next(ticks, False), "__builtins__": builtins})
        self.bound: set[str] = set()
        self.read: set[str] = set()
        self.lookups = 0

    def __getitem__(self, name: str) -> Any:
        self.lookups += 1
        if self.lookups > 3000:
            raise TooLong
        value = super().__getitem__(name)
        # Functions bind global names without asking the namespace; the object tells.
        if name not in self.bound and value is OUTSIDE.get(name):
            self.read.add(name)
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        self.bound.add(name)
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        if name not in self.bound and name in self:
            self.read.add(name)
        super().__delitem__(name)


@settings(max_examples=60, deadline=None)
@given(blocks(2))
def test_what_really_happens_is_what_the_reader_allows(lines: list[str]) -> None:
    program = "\n".join(lines)
    try:
        code = compile(program, "<drawn>", "exec")
    except SyntaxError:
        # A name that is global and was used before, a second `except` of the same name and the like.
        return
    flow = flow_of(program)
    watched = Watched()
    try:
        exec(code, watched)  # noqa: S102 - drawn by this test
        finished = True
    except Exception:  # noqa: BLE001 - a drawn program may do anything
        finished = False
    assert watched.read <= set(flow.uses)
    assert watched.bound <= set(flow.defines)
    assert {name for name in OUTSIDE if name not in watched} <= set(flow.deletes)
    if finished:
        assert flow.surely <= set(watched)
        # With `global a` in a function or `(a := ...)` in a comprehension the namespace is not asked.
        unasked = {name for name in OUTSIDE if f"global {name}" in program or f"({name} := " in program}
        assert flow.surely <= watched.bound | unasked


def test_an_ordinary_cell_is_read_in_the_time_of_a_few_parsings() -> None:
    """A ratio, because the machine's load is nobody's fault: about ten parsings, 1 to 2 ms for these 20 lines."""
    flow_of(ORDINARY)

    def best(work: Callable[[], object]) -> float:
        return min(_seconds(work) for _ in range(40))

    assert best(lambda: flow_of(ORDINARY)) < 30 * best(lambda: ast.parse(ORDINARY))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


ORDINARY = """\
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
df = pd.read_csv("data/x.csv")
df["a"] = df["b"] * 2 + np.log(df["c"])
numeric = [column for column in df.columns if df[column].dtype == float]
def clean(frame, k=3):
    frame = frame.dropna()
    for column in numeric:
        frame[column] = (frame[column] - frame[column].mean()) / frame[column].std()
    return frame
X, y = clean(df[numeric]), df["target"]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
for name, group in df.groupby("kind"):
    print(name, len(group), group["a"].mean())
fig, ax = plt.subplots()
ax.plot(X["a"], y)
ax.set_title(f"n = {len(X)}")
print(X_train.shape, y_train.mean())
"""
