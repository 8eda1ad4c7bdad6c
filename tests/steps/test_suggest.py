from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlops_nb.notebook import Cell, Notebook, has_errors, parse_notebook, read_notebook, read_tags, write_notebook
from mlops_nb.steps.graph import read_steps
from mlops_nb.steps.headings import headings_of, step_name, unused_name
from mlops_nb.steps.suggest import suggest

EXAMPLES = Path(__file__).resolve().parents[2] / "notebooks"


def notebook(*cells: str, tags: dict[int, list[str]] | None = None, language: str = "python") -> Notebook:
    """Return a notebook of these cells; one that starts with `#` and a space, or `md:`, is Markdown."""
    written: list[dict[str, Any]] = []
    for number, source in enumerate(cells, 1):
        is_text = source.startswith(("# ", "## ", "### ", "md:"))
        cell: dict[str, Any] = {
            "cell_type": "markdown" if is_text else "code",
            "id": f"c{number}",
            "metadata": {"tags": tags[number]} if tags and number in tags else {},
            "source": source.removeprefix("md:"),
        }
        if not is_text:
            cell |= {"outputs": [], "execution_count": None}
        written.append(cell)
    document = {
        "cells": written,
        "metadata": {"language_info": {"name": language}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return parse_notebook(json.dumps(document), Path("some.ipynb"))


def proposed(given: Notebook) -> dict[int, tuple[str, ...]]:
    return {change.number: change.after for change in suggest(given).changes}


def applied(given: Notebook) -> Notebook:
    return parse_notebook(json.dumps(suggest(given).apply(given)), given.path)


TITANIC = (
    "# Who survived?",
    "%matplotlib inline\nimport pandas as pd\nimport warnings\nwarnings.filterwarnings('ignore')",
    "SEED = 3\nTEST_SIZE = 0.2",
    "## 1. Load the data",
    "df = pd.read_csv('titanic.csv')",
    "df.head()",
    "## 2. Exploratory analysis",
    "survived = df.groupby('sex')['survived'].mean()\nsurvived.plot.bar()",
    "df.describe()",
    "## 3. Features",
    "def family(frame):\n    return frame['sibsp'] + frame['parch']",
    "df['family'] = family(df)",
    "## 4. Train",
    "from sklearn.svm import SVC\nmodel = SVC().fit(df[['family']], df['survived'])",
    "accuracy = model.score(df[['family']], df['survived'])",
    "print(f'{accuracy:.3f}')",
)


def test_headings_imports_functions_parameters_looks_and_metrics_are_seen() -> None:
    assert proposed(notebook(*TITANIC)) == {
        2: ("imports",),
        3: ("parameters",),
        5: ("step:load_data",),
        8: ("skip",),
        9: ("skip",),
        11: ("functions",),
        12: ("step:features",),
        14: ("step:train",),
        16: ("pipeline-metrics",),
    }


def test_the_proposal_makes_a_pipeline_without_errors() -> None:
    graph = read_steps(applied(notebook(*TITANIC)))

    assert [step.name for step in graph.steps] == ["prelude", "load_data", "features", "train"]
    assert not has_errors(graph.diagnostics)


def test_applying_the_proposal_leaves_nothing_to_propose() -> None:
    assert suggest(applied(notebook(*TITANIC))).changes == ()


def test_the_diff_shows_cell_number_first_line_tags_and_reason() -> None:
    given = notebook("import os", "\n# read\nx = open('a').read()", tags={2: ["hide-input"]})

    assert suggest(given).as_diff() == (
        "--- some.ipynb\n+++ some.ipynb (proposed)\n"
        "@@ cell 1 @@ import os\n+imports\n# only imports\n"
        "@@ cell 2 @@ # read\n hide-input\n+step:setup\n# the first cell that does something\n"
    )


def test_applying_changes_tags_and_nothing_else(tmp_path: Path) -> None:
    given = notebook("import os", "x = 1", tags={2: ["hide-input"]})
    before = json.dumps(given.document)
    document = suggest(given).apply(given)
    write_notebook(document, tmp_path / "some.ipynb")

    assert json.dumps(given.document) == before
    assert [cell.tags for cell in read_notebook(tmp_path / "some.ipynb").cells] == [
        ("imports",),
        ("hide-input", "step:setup"),
    ]
    for cell in document["cells"]:
        cell["metadata"].pop("tags", None)
    original = json.loads(before)
    original["cells"][1]["metadata"].pop("tags")
    assert document == original


# --- where steps begin ------------------------------------------------------------------------------------------------


def test_without_headings_the_calls_cut_the_notebook() -> None:
    given = notebook(
        "import pandas as pd",
        "df = pd.read_csv('a.csv')",
        "df = df.dropna()\ndf['y'] = 1",
        "X, X_test = train_test_split(df)",
        "scaler = StandardScaler()\nX = scaler.fit_transform(X)",
        "model = SVC()\nmodel.fit(X, X['y'])",
        "model.C_ = 3",
        "accuracy_score(X_test['y'], model.predict(X_test))",
    )

    assert proposed(given) == {
        1: ("imports",),
        2: ("step:load",),
        3: ("step:prepare",),
        4: ("step:split",),
        5: ("step:prepare_2",),
        6: ("step:train",),
        8: ("step:evaluate",),
    }


def test_a_notebook_that_goes_back_and_forth_is_not_cut_to_pieces() -> None:
    given = notebook("df = pd.read_csv('a')", *["m.fit(df)", "accuracy_score(m)"] * 9)

    assert proposed(given) == {1: ("step:load",), 2: ("step:train",)}


def test_the_heading_level_with_a_sensible_number_of_steps_is_chosen() -> None:
    parts = ("x = f()", "### One", "y = f()", "### Two", "z = f()")
    sections = [part for name in ("load", "fit", "show") for part in (f"## {name}", *parts)]

    assert [*proposed(notebook("# Title", *sections)).values()] == [("step:load",), ("step:fit",), ("step:show",)]
    assert len(proposed(notebook("# Title", *sections[:6]))) == 3


def test_text_in_fenced_code_is_no_heading() -> None:
    given = notebook("md:## Load\n\n```python\n## not one\n```", "x = f()", "md:## Train\n~~~\n# no\n~~~", "y = f(x)")

    assert proposed(given) == {2: ("step:load",), 4: ("step:train",)}


def test_a_heading_used_twice_names_two_steps() -> None:
    given = notebook("## Train", "x = f()", "## TRAIN!", "y = f()", "## Train 2", "z = f()", "md:## 训练", "w = f()")

    assert [*proposed(given).values()] == [("step:train",), ("step:train_2",), ("step:train_2_2",), ("step:step_4",)]


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("3. Train the model", "train_model"),
        ("Step 2: Clean & merge", "clean_merge"),
        ("IV) Results", "results"),
        ("Visualise", "visualise"),
        ("`fit` a *linear* [model](https://x.y/z)", "fit_linear_model"),
        ("Prédiction \u2013 Übersicht", "prediction_ubersicht"),
        ("Ridge Regression ($L_2$ Regularization)", "ridge_regression_regularization"),
        ("2024 data", "step_2024_data"),
        ("What can we do with it?", "what_can_we_do"),
        ("🚀", ""),
        ("Expectation\u2013Maximization of extraordinarily-long words", "expectation_maximization"),
        ("<a id='x'></a> Load", "load"),
    ],
)
def test_a_heading_becomes_a_name(heading: str, name: str) -> None:
    assert step_name(heading) == name


@pytest.mark.parametrize("name", ["prelude", "class", "con", "", "3d", "ü"])
def test_a_name_the_tags_do_not_take_is_changed(name: str) -> None:
    usable = unused_name(name, ())

    assert read_tags(Cell("a", 0, "code", "", (f"step:{usable}",)))[1] == []


def test_headings_underlined_or_written_in_html_are_headings() -> None:
    text = "Load\n====\ntext\n\nSplit\n-----\n\n<h3 class='a'>Train</h3>\n# \n#hashtag\n####### seven\n## Closed ##"

    assert [(h.level, h.text) for h in headings_of(text)] == [(1, "Load"), (2, "Split"), (3, "Train"), (2, "Closed")]


# --- what a cell is ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np\nnp.random.seed(3)",
        "import random\nrandom.seed(3)",
        "import pandas as pd\ndf = pd.read_csv('a')",
        "import pandas as pd\npd.read_csv('a').head()",
    ],
)
def test_imports_with_work_beside_them_are_no_imports_cell(source: str) -> None:
    assert proposed(notebook(source, "x = 1")) == {1: (("step:load",) if "read" in source else ("step:setup",))}


@pytest.mark.parametrize(
    "source",
    [
        "import seaborn as sns\nsns.set_theme()\n%config InlineBackend.figure_format = 'svg'",
        "%load_ext autoreload\n%autoreload 2",
        "!pip install -q xgboost",
        "try:\n    import torch\nexcept ImportError:\n    torch = None",
        "import matplotlib.pyplot as plt\nplt.rcParams['figure.dpi'] = 100\nplt.style.use('ggplot')",
    ],
)
def test_setting_up_the_session_belongs_to_the_imports(source: str) -> None:
    assert proposed(notebook(source, "x = f()"))[1] == ("imports",)


def test_a_function_that_needs_a_steps_variable_when_defined_or_called_stays_in_its_step() -> None:
    given = notebook(
        "df = f()", "def a(x=df): return x", "def b(): return df", "def c(): return 1", "def d(): pass", "d = 3"
    )

    assert proposed(given) == {1: ("step:setup",), 4: ("functions",)}


def test_values_after_the_first_work_or_without_a_typical_name_are_no_parameters() -> None:
    assert 1 not in {k for k, v in proposed(notebook("x = 1\ny = 2", "z = x")).items() if v == ("parameters",)}
    assert proposed(notebook("a = f()", "SEED = 1")) == {1: ("step:setup",)}
    assert proposed(notebook("SEED = 1\nrows = f(SEED)", "b = f()")) == {1: ("step:setup",)}
    assert proposed(notebook("n_rows = 1", "n_rows = f(n_rows)")) == {1: ("step:setup",)}
    assert proposed(notebook("# A", "SEED = 1", "LR = 2", "b = f()")) == {2: ("parameters",), 3: ("step:setup",)}


@pytest.mark.parametrize(
    "source",
    [
        "rows = df.head()",  # used below
        "df['z'] = 1",
        "df.drop(columns='a', inplace=True)",
        "df.to_csv('b.csv')",
        "model.fit(df)",
        "df.sample(3)",
        "import random\nrandom.random()",
        "names.append('a')",
        "view = df\nview['a'] = 1",
        "del df",
        "!rm a.csv",
    ],
)
def test_a_cell_that_changes_something_or_is_needed_is_never_left_out(source: str) -> None:
    given = notebook("## Load", "df = f()\nnames = []", "## Explore", source, "## Train", "m = g(df, rows)")

    assert ("skip",) not in proposed(given).values()


def test_a_look_is_left_out_only_under_a_heading_that_says_so() -> None:
    cells = ("## Load", "df = f()", "## {}", "df.head()", "## Train", "m = g(df)")

    assert proposed(notebook(*(cell.format("A first look") for cell in cells)))[4] == ("skip",)
    assert proposed(notebook(*(cell.format("Clean") for cell in cells)))[4] == ("step:clean",)


def test_what_only_left_out_cells_need_is_left_out_with_them() -> None:
    given = notebook("## Load", "df = f()", "## EDA", "means = df.mean()", "means.plot()", "## Train", "m = g(df)")

    assert proposed(given) == {2: ("step:load",), 4: ("skip",), 5: ("skip",), 7: ("step:train",)}


def test_a_name_read_in_a_query_string_is_needed() -> None:
    given = notebook("## Load", "df = f()", "## EDA", "limit = df.x.max()", "## Train", "m = df.query('x < @limit')")

    assert proposed(given)[4] == ("step:eda",)


def test_a_notebook_that_only_explores_is_not_left_out_altogether() -> None:
    assert ("skip",) not in proposed(notebook("# Exploring", "df.head()", "## Look", "df.plot()")).values()


@pytest.mark.parametrize(
    ("source", "is_metrics"),
    [
        ("print(rmse)", True),
        ("print(f'{rmse:.2f}', round(rmse, 2))", True),
        ("rmse", True),
        ("auc = scores['auc']\nprint(auc)", True),
        ("print(rmse, df)", False),
        ("print(scores)", False),
        ("plot(rmse)", False),
        ("rmse = 3", False),
    ],
)
def test_a_cell_that_shows_plain_metrics_is_the_metrics_cell(source: str, *, is_metrics: bool) -> None:
    given = notebook("rmse = np.sqrt(mean_squared_error(a, b))\nscores = cross_val_score(m)\ndf = f()", source)

    assert any("pipeline-metrics" in tags for tags in proposed(given).values()) == is_metrics


# --- notebooks with tags, and odd ones --------------------------------------------------------------------------------


def test_tags_that_are_there_stay_and_only_the_rest_is_proposed() -> None:
    given = notebook(
        *(
            "import os",
            "## Load",
            "x = f()",
            "y = f()",
            "## Clean",
            "z = f()",
            "## Train",
            "w = f()",
            "## Load",
            "v = f()",
        ),
        tags={3: ["step:read", "limit:memory:1Gi"], 6: ["step:clean", "prev:read"]},
    )

    assert proposed(given) == {1: ("imports",), 8: ("step:train",), 10: ("step:load",)}


def test_cells_between_a_persons_own_steps_are_left_to_them() -> None:
    given = notebook("## A", "x = f()", "## B", "y = f()", "## C", "z = f()", tags={2: ["step:one"], 6: ["step:two"]})

    assert proposed(given) == {}


def test_a_cell_with_a_wrong_tag_is_left_alone() -> None:
    assert proposed(notebook("x = f()", tags={1: ["Step:load"]})) == {}


def test_a_cell_that_is_not_python_is_work_and_an_empty_one_is_nothing() -> None:
    given = notebook("", "# a comment, in a code cell"[1:], "x = = 1", "   \n")

    assert set(proposed(given)) <= {2, 3}
    assert ("step:setup",) in proposed(given).values()


def test_another_language_and_an_empty_notebook_get_no_proposal() -> None:
    assert suggest(notebook("x <- 1", language="R")).changes == ()
    assert suggest(notebook()).changes == ()
    assert suggest(notebook()).as_diff() == ""
    assert suggest(notebook("# Only text")).as_dict() == {"notebook": "some.ipynb", "changes": []}


@pytest.mark.parametrize("name", ["adult_income", "taxi_tips"])
def test_the_example_notebooks_without_tags_are_read_much_as_their_author_tagged_them(name: str) -> None:
    given = read_notebook(EXAMPLES / f"{name}.ipynb")
    document = json.loads(json.dumps(given.document))
    for cell in document["cells"]:
        cell["metadata"].pop("tags", None)
    bare = parse_notebook(json.dumps(document), given.path)

    found = proposed(bare)
    theirs = {cell.index + 1: set(cell.tags) for cell in given.code_cells}
    special = {"imports", "functions", "parameters", "pipeline-metrics"}
    assert {n: tags for n, tags in found.items() if set(tags) & special} == {
        n: tuple(tags) for n, tags in theirs.items() if tags & special
    }
    assert {n for n, tags in found.items() if tags == ("skip",)} <= {
        n for n, tags in theirs.items() if tags == {"skip"}
    }
    assert {"step:load", "step:clean"} <= {tag for tags in found.values() for tag in tags}
    assert not has_errors(read_steps(applied(bare)).diagnostics)
    assert suggest(given).changes == ()
