from __future__ import annotations

import base64
import json
import math
import subprocess
import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from mlops_nb.notebook import Cell, has_errors
from mlops_nb.steps.literals import Timestamp, as_json, as_source, from_json
from mlops_nb.steps.parameter_options import coerce_text, from_cli, parse_cli_value
from mlops_nb.steps.parameter_values import ParameterError, ParameterValue, resolve_parameters
from mlops_nb.steps.parameters import Parameter, read_parameters

if TYPE_CHECKING:
    from pathlib import Path


def cell(source: str, *tags: str, index: int = 0) -> Cell:
    return Cell(f"cell-{index}", index, "code", source, tags or ("parameters",))


def declared(source: str) -> dict[str, Parameter]:
    parameters, _ = read_parameters([cell(source)])
    return {parameter.name: parameter for parameter in parameters}


def resolved(source: str, *layers: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {v.name: v.value for v in resolve_parameters(tuple(declared(source).values()), layers)}


# --- what a cell declares ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "kind", "default"),
    [
        ("x = 3", "int", 3),
        ("x = -3", "int", -3),
        ("x = 10 * 2", "int", 20),
        ("x = 1 << 20", "int", 2**20),
        ("x = 24*60", "int", 1440),
        ("x = 1e-3", "float", 0.001),
        ("x = 0.5 ** 2", "float", 0.25),
        ("x = float('inf')", "float", math.inf),
        ("x = not True", "bool", False),
        ("x = True", "bool", True),
        ("x = 'a' 'b' + 'c'", "str", "abc"),
        ("x = None", "none", None),
        ("x = [1, -2, 'a', None]", "list", [1, -2, "a", None]),
        ("x = [0] * 3", "list", [0, 0, 0]),
        ("x = {'a': [1], 2: (3,)}", "dict", {"a": [1], 2: (3,)}),
        ("x = dict(a=1)", "dict", {"a": 1}),
        ("x = (1, 2)", "tuple", (1, 2)),
        ("x = date(2024, 1, 31)", "date", date(2024, 1, 31)),
        ("x = datetime.date(2024, month=1, day=31)", "date", date(2024, 1, 31)),
        ("x = date.fromisoformat('2024-01-31')", "date", date(2024, 1, 31)),
        ("x = datetime.datetime(2024, 1, 31, 12)", "datetime", datetime(2024, 1, 31, 12)),  # noqa: DTZ001
        ("x = datetime(2024, 1, 31, tzinfo=timezone.utc)", "datetime", datetime(2024, 1, 31, tzinfo=UTC)),
        ("x = pd.Timestamp('2024-01-31 06:00')", "timestamp", Timestamp(2024, 1, 31, 6)),
        ("x = pd.Timestamp(2024, 1, 31)", "timestamp", Timestamp(2024, 1, 31)),
        ("x: float = 1", "float", 1),
        ("x: 'int | None' = None", "int", None),
        ("x: Optional[str] = None", "str", None),
        ("x: list[str] = None", "list", None),
        ("x = 1  # type: float how fast", "float", 1),
    ],
)
def test_a_plain_default_gives_the_parameter_its_type(line: str, kind: str, default: object) -> None:
    parameters, found = read_parameters([cell(line)])

    assert [(p.type, p.default, type(p.default)) for p in parameters] == [(kind, default, type(default))]
    assert found == []


def test_a_default_that_is_not_a_number_stays_one() -> None:
    assert math.isnan(declared("x = float('nan')")["x"].default)


@pytest.mark.parametrize(
    "line",
    [
        *("x = Path('data')", "x = date.today()", "x = f'{y}.csv'", "x = 10 ** 10 ** 10", "x = 'a' * 10 ** 9"),
        *("x = datetime(2024, 13, 1)", "x = 1 // 0", "x = !ls", "x = [i for i in y]", "x = 1 << 10 ** 9", "x = {1}"),
    ],
)
def test_a_default_that_has_to_run_is_of_any_type_and_told(line: str) -> None:
    (parameter,), found = read_parameters([cell(line)])

    assert (parameter.type, parameter.known) == ("any", False)
    assert [(d.code, d.variable, d.line) for d in found] == [("MN204", "x", 1)]
    assert not has_errors(found)


def test_names_lines_and_help_are_those_of_the_source() -> None:
    source = (
        '"""Settings."""\nimport os\n\nrows = 100  # rows to read\nrate: float = 1e-2  # type: float learning rate\n'
    )
    source += "name = 'a # b'\nlayers = [\n    64,  # first\n    32,\n]  # sizes\n"

    assert [(p.name, p.line, p.help) for p in declared(source).values()] == [
        ("rows", 4, "rows to read"),
        ("rate", 5, "learning rate"),
        ("name", 6, ""),
        ("layers", 7, "sizes"),
    ]


def test_several_names_in_one_statement_are_several_parameters() -> None:
    found = declared("a = b = 1\nc, (d, e) = 2, ('x', None)\nf, *g = 1, 2, 3\ndel b")

    assert {name: (p.type, p.default) for name, p in found.items()} == {
        "a": ("int", 1),
        "c": ("int", 2),
        "d": ("str", "x"),
        "e": ("none", None),
        "f": ("any", None),
        "g": ("any", None),
    }


def test_the_last_value_of_a_name_is_its_default() -> None:
    found = declared("n = 'small'\nn = 3\nn += 4\nif n > 1:\n    k = 1\nelse:\n    k = 'a'\n")

    assert (found["n"].type, found["n"].default) == ("int", 7)
    assert (found["k"].type, found["k"].known) == ("any", False)


def test_a_default_changed_in_place_is_not_taken_for_the_default() -> None:
    found = declared("a = {'x': 1}\na['x'] = 2\nb = [1]\nb.append(2)\nimport os\nos.environ['Z'] = '1'\n")

    assert {name: (p.type, p.known) for name, p in found.items()} == {"a": ("dict", False), "b": ("list", False)}


@pytest.mark.parametrize("tag", ["parameters", "pipeline-parameters"])
def test_an_ordinary_parameter_cell_is_never_refused(tag: str) -> None:
    source = (
        "%matplotlib inline\n!pip install x\nimport numpy as np\n"
        "from datetime import date\nDEBUG = False\nN = 10\nif DEBUG:\n    N = 1\nSEED = 1\nnp.random.seed(SEED)\n"
        "print(f'{N} rows')\nN\n\ndef pick(x=N):\n    return SEED\n\nfor i in range(3):\n    print(i)\n"
        "with open('x') as file:\n    text = file.read()\nassert N > 0, 'rows'\n"
    )
    parameters, found = read_parameters([cell("import os", "imports"), cell(source, tag, index=1)])

    assert [p.name for p in parameters] == ["DEBUG", "N", "SEED", "text"]
    assert [p.line for p in parameters] == [5, 7, 9, 19]
    assert not has_errors(found)


def test_a_cell_that_is_not_python_declares_nothing() -> None:
    assert read_parameters([cell("n = = 3")]) == ((), [])


def test_a_second_parameter_cell_is_refused_and_the_first_one_counts() -> None:
    parameters, found = read_parameters(
        [cell("a = 1"), cell("b = 2", "step:x", index=1), cell("c = 3", "pipeline-parameters", index=2)]
    )

    assert [p.name for p in parameters] == ["a"]
    assert [(d.code, d.cell, d.cell_number) for d in found] == [("MN203", "cell-2", 3)]
    assert "cell 1" in found[0].fix


def test_a_notebook_without_a_parameter_cell_has_no_parameters() -> None:
    assert read_parameters([cell("a = 1", "step:x")]) == ((), [])


# --- what a run gives -------------------------------------------------------------------------------------------------


def test_the_last_layer_that_gives_a_value_wins_and_is_remembered() -> None:
    parameters, _ = read_parameters([cell("a = 1\nb = 2\nc = 3")])

    values = resolve_parameters(parameters, [("config", {"a": 10, "b": 20}), ("command line", {"b": 30})])

    assert [(v.name, v.value, v.source) for v in values] == [
        ("a", 10, "config"),
        ("b", 30, "command line"),
        ("c", 3, "default"),
    ]


@pytest.mark.parametrize(
    ("line", "given", "value"),
    [
        ("x = 1.5", 2, 2.0),
        ("x = 1.5", math.inf, math.inf),
        ("x = date(2024, 1, 1)", "2025-02-03", date(2025, 2, 3)),
        ("x = date(2024, 1, 1)", date(2025, 2, 3), date(2025, 2, 3)),
        ("x = datetime(2024, 1, 1)", "2025-02-03T04:05", datetime(2025, 2, 3, 4, 5)),  # noqa: DTZ001
        ("x = datetime(2024, 1, 1)", date(2025, 2, 3), datetime(2025, 2, 3)),  # noqa: DTZ001
        ("x = pd.Timestamp('2024-01-01')", "2025-02-03", Timestamp(2025, 2, 3)),
        ("x = pd.Timestamp('2024-01-01')", pd.Timestamp("2025-02-03"), Timestamp(2025, 2, 3)),
        ("x = (1, 2)", [3], (3,)),
        ("x = [1, 2]", (3,), [3]),
        ("x = None", {"a": [1]}, {"a": [1]}),
        ("x: int | None = 3", None, None),
        ("x = 'a'", "", ""),
        ("x = Path('a')", "b", "b"),
        ("x = Path('a')", None, None),
    ],
)
def test_a_value_that_loses_nothing_is_taken_as_the_type(line: str, given: object, value: object) -> None:
    taken = resolved(line, ("config", {"x": given}))["x"]

    assert (taken, type(taken)) == (value, type(value))


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ("x = 1", True),
        ("x = 1", 1.0),
        ("x = 1", "1"),
        ("x = 1", None),
        ("x = True", 1),
        ("x = 1.5", True),
        ("x = 1.5", 2**53 + 1),
        ("x = 1.5", "nan"),
        ("x = 'a'", 1),
        ("x = 'a'", None),
        ("x = [1]", "1"),
        ("x = {}", [1]),
        ("x = date(2024, 1, 1)", "1st of May"),
        ("x = date(2024, 1, 1)", datetime(2024, 1, 1, 12)),  # noqa: DTZ001
        ("x = pd.Timestamp('2024-01-01')", pd.Timestamp("2024-01-01T00:00:00.000000001")),
        ("x = None", {1, 2}),
        ("x = None", [object()]),
        ("x = date.today()", b"1"),
    ],
)
def test_a_value_of_another_type_is_refused_with_name_type_value_and_source(line: str, given: object) -> None:
    with pytest.raises(ParameterError) as refused:
        resolved(line, ("params.yaml", {"x": given}))

    assert "`x`" in refused.value.message
    assert f"type {declared(line)['x'].type}" in refused.value.message
    assert "params.yaml" in refused.value.message
    assert repr(given) in refused.value.message or "object" in refused.value.message
    assert refused.value.hint


def test_a_value_that_contains_itself_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)

    with pytest.raises(ParameterError, match="contains itself"):
        resolved("x = None", ("config", {"x": circle}))


def test_an_undeclared_name_is_refused_with_the_near_miss_and_the_declared_ones() -> None:
    with pytest.raises(ParameterError) as refused:
        resolved("max_iter = 1\nseed = 2", ("-p", {"max_itr": 3}))

    assert "`max_itr` (from -p)" in refused.value.message
    assert "Did you mean `max_iter`?" in refused.value.message
    assert "`max_iter`, `seed`" in refused.value.hint


@pytest.mark.parametrize("name", ["a b", "x\nimport os", "class", "", "1a", 3, "a.b", "None"])
def test_a_name_that_is_no_identifier_is_refused(name: object) -> None:
    with pytest.raises(ParameterError, match="cannot be the name of a parameter"):
        resolved("a = 1", ("-y", {name: 3}))  # type: ignore[dict-item]


# --- lines that have already used the default -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", ["b = a * 2", "np.random.seed(a)", "if a:\n    c = 1", "def f(x=a): pass", "b, c = a, 1"]
)
def test_a_parameter_whose_default_is_used_in_its_own_cell_cannot_be_given(line: str) -> None:
    source = f"a = 1\n{line}\n"

    with pytest.raises(ParameterError, match="line 2 of the parameter cell") as refused:
        resolved(source, ("-p", {"a": 2}))

    assert "Move line 2" in refused.value.hint
    assert resolved(source, ("-p", {"a": 1}))["a"] == 1


@pytest.mark.parametrize("line", ["print(a)", "print(f'{a} rows')", "a", "def f(): return a", "assert a > 0"])
def test_a_line_that_only_looks_at_a_parameter_does_no_harm(line: str) -> None:
    assert resolved(f"a = 1\n{line}\n", ("-p", {"a": 2}))["a"] == 2


def test_what_is_computed_from_a_parameter_may_be_given_together_with_it() -> None:
    assert resolved("a = 1\nb = a * 2", ("-p", {"a": 2, "b": 4})) == {"a": 2, "b": 4}
    assert resolved("a = 1\nb = a * 2", ("-p", {"b": 4})) == {"a": 1, "b": 4}


def test_what_is_computed_from_a_parameter_is_told_beforehand() -> None:
    _, found = read_parameters([cell("a = 1\nb = a * 2")])

    assert [(d.code, d.line, d.variable) for d in found] == [("MN204", 2, "b")]


# --- the command line -------------------------------------------------------------------------------------------------


def test_a_text_without_a_type_means_what_papermill_makes_of_it() -> None:
    texts = ["True", "False", "None", "-1", "1_000", " 7 ", "1e-3", "nan", "-inf", "1.", "0x10", "true", "", "[1]", "a"]
    script = (
        "import sys; from papermill.cli import _resolve_type; print([_resolve_type(text) for text in sys.argv[1:]])"
    )
    told = subprocess.run([sys.executable, "-c", script, *texts], capture_output=True, text=True, check=True)

    assert repr([parse_cli_value(text) for text in texts]) == told.stdout.strip()


@pytest.mark.parametrize(
    ("line", "text", "value"),
    [
        ("x = 1", "-1", -1),
        ("x = 1.5", "1e-3", 0.001),
        ("x = 1.5", "2", 2.0),
        ("x = True", "False", False),
        ("x = True", "false", False),
        ("x = 'a'", "5", "5"),
        ("x = 'a'", "True", "True"),
        ("x = None", "None", None),
        ("x = None", "5", 5),
        ("x: int | None = 3", "None", None),
        ("x = [1]", "[1, 1e-3, a]", [1, 0.001, "a"]),
        ("x = (1,)", "[1, 2]", (1, 2)),
        ("x = {}", '{"a": [1, null]}', {"a": [1, None]}),
        ("x = {}", "a: 1", {"a": 1}),
        ("x = date(2024, 1, 1)", "2025-02-03", date(2025, 2, 3)),
        ("x = Path('a')", "b/c", "b/c"),
    ],
)
def test_the_declared_type_decides_what_a_text_means(line: str, text: str, value: object) -> None:
    taken = coerce_text(declared(line)["x"], text)

    assert (taken, type(taken)) == (value, type(value))


@pytest.mark.parametrize(
    ("line", "text"),
    [
        *(("x = 1", "1.5"), ("x = 1", "a"), ("x = True", "1"), ("x = 'a'", "None"), ("x = [1]", "1,2")),
        *(("x = [1]", "[1"), ("x = {}", "[1]"), ("x = date(2024, 1, 1)", "3"), ("x = [1]", "None")),
    ],
)
def test_a_text_of_another_type_is_refused(line: str, text: str) -> None:
    with pytest.raises(ParameterError):
        coerce_text(declared(line)["x"], text)


def test_the_options_are_as_strong_as_papermills(tmp_path: Path) -> None:
    parameters, _ = read_parameters([cell("a = 0\nb = 0\nc = 0\nd = 0\ne = ''\nday = date(2024, 1, 1)")])
    (tmp_path / "params.yaml").write_text("b: 2\nc: 2\nd: 2\nday: 2025-02-03\n")
    encoded = base64.b64encode(b"{a: 1, b: 1, c: 1, d: 1}").decode()

    layers = from_cli(
        parameters, p=[("d", "4")], r=[("e", "007")], f=[tmp_path / "params.yaml"], y=["{c: 3, d: 3}", ""], b=[encoded]
    )
    values = {v.name: (v.value, v.source.split()[0]) for v in resolve_parameters(parameters, layers)}

    assert values == {
        "a": (1, "-b"),
        "b": (2, "the"),
        "c": (3, "-y"),
        "d": (4, "-p"),
        "e": ("007", "-r"),
        "day": (date(2025, 2, 3), "the"),
    }


def test_a_raw_text_is_never_read_as_a_number() -> None:
    parameters = tuple(declared("a = 0").values())

    with pytest.raises(ParameterError, match="-r gives it '1'"):
        resolve_parameters(parameters, from_cli(parameters, r=[("a", "1")]))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"y": ["a: [1"]}, "not valid YAML"),
        ({"y": ["a"]}, "a mapping of names to values"),
        ({"y": ["[1, 2]"]}, "a mapping of names to values"),
        ({"y": ["a: 1\na: 2"]}, "twice"),
        ({"y": ["a: !!python/object/apply:os.getcwd []"]}, "not valid YAML"),
        ({"b": ["%%%"]}, "not base64"),
        ({"b": ["//8="]}, "not base64 of UTF-8"),
        ({"p": [("b", "1")]}, "not a parameter"),
    ],
)
def test_options_that_cannot_be_read_are_told(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        from_cli(tuple(declared("a = 0").values()), **given)


def test_a_parameter_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"missing\.yaml cannot be read: there is no such file"):
        from_cli((), f=[tmp_path / "missing.yaml"])


def test_a_yaml_truth_value_for_a_text_is_explained() -> None:
    parameters = tuple(declared("country = 'no'").values())

    with pytest.raises(ParameterError, match="in quotes"):
        resolve_parameters(parameters, from_cli(parameters, y=["country: no"]))


# --- the record -------------------------------------------------------------------------------------------------------

VALUES = [
    *(0, -1, 1.5, True, None, "ü\n'\"", [1, (2, (3,)), {"a": ()}], {1: "a", "$date": "x"}, {"$odd": 1}, -math.inf),
    *(date(2024, 2, 29), datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=UTC), Timestamp(2024, 2, 29), [date(2024, 1, 1)]),
]


@pytest.mark.row(57)
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_recorded_value_comes_back_with_its_type(value: object) -> None:
    record = json.loads(json.dumps(ParameterValue("x", "any", value, "-p").as_dict(), allow_nan=False))
    again = ParameterValue.from_dict(record)

    assert (again.value, type(again.value), again.source) == (value, type(value), "-p")
    assert as_json(from_json(as_json(value))) == as_json(value)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_is_written_as_python_that_needs_no_import(value: object) -> None:
    namespace: dict[str, Any] = {}
    exec(ParameterValue("x", "any", value, "-p").assignment(), namespace)  # noqa: S102

    assert namespace["x"] == value
    assert not isinstance(value, Timestamp) or isinstance(namespace["x"], pd.Timestamp)


def test_a_value_that_is_not_a_number_is_recorded_and_written() -> None:
    assert as_json(math.nan) == {"$float": "nan"}
    assert math.isnan(from_json({"$float": "nan"}))
    assert as_source([math.nan]) == '[float("nan")]'


def test_the_json_form_of_a_declaration_is_json() -> None:
    shown = [p.as_dict() for p in declared("a = date(2024, 1, 1)  # first day\nb = float('nan')\nc = f()").values()]

    assert json.loads(json.dumps(shown, allow_nan=False))[0] == {
        "name": "a",
        "type": "date",
        "default": {"$date": "2024-01-01"},
        "known": True,
        "expression": "date(2024, 1, 1)",
        "nullable": False,
        "help": "first day",
        "cell": "cell-0",
        "line": 1,
    }
