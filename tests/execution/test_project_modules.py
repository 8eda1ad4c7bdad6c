"""Modules beside the notebook, from one run to the next: with real kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_nb.lifecycle import run
from tests.execution.planned import planned, told
from tests.notebook_factory import edit, statuses, write

if TYPE_CHECKING:
    from pathlib import Path


TELL = "import json\nopen('told.json', 'w').write(json.dumps({}))"


def test_steps_that_only_use_a_module_do_not_wait_for_each_other(tmp_path: Path) -> None:
    (tmp_path / "rates.py").write_text(
        "RATES = {'a': 1}\nSEEN = []\n\n\ndef rate(k, table=RATES):\n    return table[k]\n"
    )
    cells = [
        ("step:a", "import rates\na = rates.rate('a')"),
        ("step:b", "b = rates.rate('a') + 1"),
        ("step:c", "c = rates.rate('a') + 2"),
        ("step:d", "rates.SEEN.append(1)"),
        ("step:e", TELL.format("[a, b, c, rates.SEEN]")),
    ]
    notebook = write(tmp_path / "case.ipynb", cells)
    assert told(run(notebook), notebook) == [1, 2, 3, [1]]

    steps = planned(notebook)
    assert "b" not in {*steps.step("c").needs, *steps.step("c").after}
    proven = steps.step("b").proven
    assert proven is not None
    assert not proven.stays
    assert "d" in steps.step("e").needs
    assert not steps.to_run


def test_what_an_import_reads_into_its_code_counts_for_the_steps_that_follow(tmp_path: Path) -> None:
    level, module = tmp_path / "level.txt", tmp_path / "levels.py"
    level.write_text("1")
    module.write_text("class Settings:\n    level = open('level.txt').read()\n\n\ndef name():\n    return 'one'\n")
    cells = [
        ("step:a", "import levels\na = levels.Settings.level"),
        ("step:b", "b = levels.Settings.level"),
        ("step:c", "c = 1"),
        ("step:d", TELL.format("[a, b]")),
    ]
    notebook = write(tmp_path / "case.ipynb", cells)
    assert told(run(notebook), notebook) == ["1", "1"]
    assert not planned(notebook).to_run

    level.write_text("2")
    assert told(run(notebook), notebook) == ["2", "2"]

    # What its functions do counts for those alone that use it.
    module.write_text(module.read_text().replace("'one'", "'two'"))
    assert statuses(run(notebook).result.record)["c"] == "cached"


def test_a_step_that_runs_again_has_what_the_first_import_made(tmp_path: Path) -> None:
    (tmp_path / "runs.py").write_text("import uuid\n\n\nclass Run:\n    ID = uuid.uuid4().hex\n")
    cells = [
        ("step:a", "import runs\na = runs.Run.ID"),
        ("step:b", "b = 1"),
        ("step:c", TELL.format("a == runs.Run.ID")),
    ]
    notebook = write(tmp_path / "case.ipynb", cells)
    assert told(run(notebook), notebook) is True
    assert not planned(notebook).to_run

    edit(notebook, 3, TELL.format("[a == runs.Run.ID]"))
    assert told(run(notebook), notebook) == [True]
    edit(notebook, 1, "import runs\na = runs.Run.ID\nagain = 1")
    assert told(run(notebook), notebook) == [True]


def test_a_function_of_a_module_elsewhere_in_the_project_registers_something(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "src").mkdir()
    setup = "import csv\n\n\ndef setup():\n    csv.register_dialect('bars', delimiter='|')\n"
    (tmp_path / "src" / "registering.py").write_text(setup)
    cells = [
        ("imports", "import csv, sys\nsys.path.append('../src')\nfrom registering import setup"),
        ("step:setup", "setup()"),
        ("step:read", "rows = list(csv.reader(['a|b'], dialect='bars'))\nopen('rows.txt', 'w').write(str(rows))"),
    ]
    notebook = write(tmp_path / "notebooks" / "n.ipynb", cells)
    told: list[str] = []
    assert run(notebook, listen=lambda event: told.append(event.text)).result.status == "succeeded"
    assert (notebook.parent / "rows.txt").read_text() == "[['a', 'b']]"
    assert any("[MN305] `csv.register_dialect` in cell 2, line 1 changes the process for good" in text for text in told)
