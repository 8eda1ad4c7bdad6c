"""`pipelines/NAME/settings.toml`: the configuration of a pipeline, outside of any cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.command import call, scraps, statuses
from tests.notebook_factory import write

if TYPE_CHECKING:
    from pathlib import Path

CELLS = [
    ("parameters", "n = 3\nfactor = 2"),
    ("step:load", "numbers = list(range(n))"),
    ("step:scale", "scaled = [factor * number for number in numbers]"),
    ("pipeline-metrics", "total = sum(scaled)\nprint(total)"),
]


def recorded(folder: Path) -> dict[tuple[str | None, str], tuple[object, str]]:
    shown = call(folder, "show", "last", "--json").json
    return {(item["step"], item["name"]): (item["value"], item["source"]) for item in shown["parameters"]}


@pytest.mark.row(1)
def test_one_changed_value_changes_exactly_the_parameters_of_the_steps_that_read_it(tmp_path: Path) -> None:
    write(tmp_path / "scale.ipynb", CELLS)
    settings = tmp_path / "pipelines" / "scale" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("[parameters]\nn = 3\nfactor = 2\n", encoding="utf-8")
    assert scraps(call(tmp_path, "run", "scale.ipynb", "--json")) == {"total": 6}
    before = recorded(tmp_path)
    assert before[None, "factor"] == (2, "config")

    settings.write_text("[parameters]\nn = 3\nfactor = 5\n", encoding="utf-8")
    ended = call(tmp_path, "run", "scale.ipynb", "--json")
    assert scraps(ended) == {"total": 15}
    after = recorded(tmp_path)
    changed = {key for key in before | after if before.get(key) != after.get(key)}
    assert changed == {(None, "factor"), ("scale", "factor")}
    assert (before["scale", "factor"], after["scale", "factor"]) == ((2, "config"), (5, "config"))
    assert statuses(ended)["load"] == "cached"

    # What is given by hand for one run wins.
    assert scraps(call(tmp_path, "run", "scale.ipynb", "--json", "-p", "factor", "1")) == {"total": 3}


@pytest.mark.row(1)
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[parameters]\nfaktor = 5\n", "Did you mean `factor`?"),
        ('[parameters]\nfactor = "5"\n', "`factor` is of type int"),
        ("[parametres]\nfactor = 5\n", "Did you mean `parameters`?"),
        ("[steps.scale]\ntimeout = 5\n", "timeout_s"),
        ('[steps.scale]\ntimeout_s = "long"\n', "timeout_s"),
        ("[steps.skale]\ntimeout_s = 5\n", "Did you mean `scale`?"),
        ("[parameters\n", "cannot be read"),
    ],
)
def test_an_unknown_or_mistyped_key_fails_before_a_kernel_starts(tmp_path: Path, text: str, told: str) -> None:
    write(tmp_path / "scale.ipynb", CELLS)
    settings = tmp_path / "pipelines" / "scale" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(text, encoding="utf-8")
    ended = call(tmp_path, "run", "scale.ipynb", "--json")
    assert ended.code == 2
    assert told in ended.json["error"]["message"] + ended.json["error"]["hint"]
    assert not (tmp_path / ".mlops_nb").exists()
