"""A case can only accuse a pipeline when it is sound itself: readable, runnable, and of one mind about its result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
import pytest

from mlops_nb.notebook import CODES, PRELUDE, Role, Severity, parse_notebook, read_tags
from tests.cases.load import Case, load_cases, parse_cases

CASES = load_cases()
RUNNER = Path(__file__).with_name("run_in_shells.py")
ENOUGH = 160
FEW_REFUSALS = 3
# All cases are run for the first test that asks for an answer.
LIMIT_S = 15 * 60
pytestmark = pytest.mark.timeout(LIMIT_S + 60)

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}-{case.name}")


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Run every case twice, and say by name what the two runs answered.

    The runs differ in what must not matter: the hash seed, and whether cells tagged `skip` and `test` are run.
    """
    cases = [case for case in CASES if not case.cannot_run]
    folder = tmp_path_factory.mktemp("shells")
    runners = []
    for hash_seed, left_out in (("1", True), ("2", False)):
        jobs = [
            {"cells": case.script(left_out=left_out), "may_raise": case.may_raise(left_out=left_out), "seed": case.seed}
            for case in cases
        ]
        given, said = folder / f"jobs-{hash_seed}.json", folder / f"answers-{hash_seed}.jsonl"
        given.write_text(json.dumps(jobs), encoding="utf-8")
        environment = {
            **os.environ,
            "PYTHONHASHSEED": hash_seed,
            "MPLBACKEND": "agg",
            "IPYTHONDIR": str(folder),
            "TMPDIR": str(folder),
            "OPENBLAS_NUM_THREADS": "1",
        }
        with given.open() as stdin, said.open("w") as stdout:
            runner = subprocess.Popen([sys.executable, str(RUNNER)], stdin=stdin, stdout=stdout, env=environment)
        runners.append((runner, said))
    try:
        assert [runner.wait(timeout=LIMIT_S) for runner, _ in runners] == [0, 0]
    finally:
        for runner, _ in runners:
            runner.kill()
            runner.wait()
    runs = [
        sorted(map(json.loads, said.read_text(encoding="utf-8").splitlines()), key=lambda answer: answer["job"])
        for _, said in runners
    ]
    return {case.name: list(pair) for case, *pair in zip(cases, *runs, strict=True)}


def test_there_are_enough_cases_of_every_kind() -> None:
    by_group = Counter(case.group for case in CASES)
    assert len(CASES) >= ENOUGH
    assert min(by_group.values()) > 1, by_group


def test_a_name_stands_for_one_case() -> None:
    twice = [name for name, n in Counter(case.name for case in CASES).items() if n > 1]
    assert twice == []


def test_refusals_are_few_and_each_has_its_reason() -> None:
    refused = [case for case in CASES if case.expect in {"refused", "fails"}]
    assert len(refused) <= FEW_REFUSALS
    for case in refused:
        assert case.reason
        if case.expect == "refused":
            assert case.diagnostic in CODES
            assert CODES[case.diagnostic][0] is Severity.ERROR


@each_case
def test_the_case_says_what_it_means(case: Case) -> None:
    assert len(case.meaning) > len("It works.")
    assert case.meaning.endswith((".", "?"))


@each_case
def test_the_case_is_a_valid_notebook_whose_tags_are_right(case: Case) -> None:
    document = case.notebook()
    nbformat.validate(document)
    notebook = parse_notebook(json.dumps(document), Path(f"{case.name}.ipynb"))
    tags, diagnostics = zip(*(read_tags(cell) for cell in notebook.cells), strict=True)

    assert not any(diagnostics)
    assert case.steps
    assert {step for cell in tags for step in cell.prev} <= set(case.steps)
    assert case.rebuild is None or case.rebuild in case.steps
    assert not {cell.role for cell in tags} - PRELUDE - set(Role)
    assert "result" in "".join(cell.source for cell in notebook.cells)


@each_case
def test_the_case_runs_from_top_to_bottom_and_again_with_the_same_result(
    case: Case, answers: dict[str, list[dict[str, Any]]]
) -> None:
    if case.cannot_run:
        pytest.skip(case.cannot_run)
    first, second = answers[case.name]
    assert "error" not in first, first["error"]
    if case.expect == "refused":
        # The reason of both refusals that exist: without the cells that the tags take out, a name is missing.
        assert "NameError" in second["error"]
    else:
        assert "error" not in second, second["error"]
        assert first["result"] == second["result"]


@each_case
def test_overridden_parameters_are_declared_and_matter(case: Case) -> None:
    declared = [cell.source for cell in case.cells if {"parameters", "pipeline-parameters"} & set(cell.tags)]
    assert len(declared) <= 1
    for name, value in case.parameters.items():
        assert f"{name} = " in declared[0] or f"{name}: " in declared[0]
        assert f"{name} = {value!r}" not in declared[0].splitlines()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("stray\n### a\n# Means.\n===\n1", "before the first"),
        ("### a\n===\n1", "what the case means"),
        ("### a\n# Means.\n", "no cell"),
        ("### a\n# Means.\nexpects: equal\n===\n1", "no header line"),
        ("### a\n# Means.\nexpect: refused MN306\n===\n1", "none of"),
        ("### a\n# Means.\n===\n### b\n1", "b: the line below the name"),
    ],
)
def test_a_text_that_is_no_case_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        list(parse_cases(text, "group"))


def test_magics_and_blank_lines_stay_in_the_source() -> None:
    text = "### a\n# Means.\nparameters: n=-1, k=[1]\n=== step:a prev:b\n%%bash\n\nls\n\n===\n### not a case\nx = 1\n"
    (case,) = parse_cases(text, "group")
    assert [cell.source for cell in case.cells] == ["%%bash\n\nls", "### not a case\nx = 1"]
    assert case.cells[0].tags == ("step:a", "prev:b")
    assert case.parameters == {"n": -1, "k": [1]}
    assert case.steps == ("a",)
