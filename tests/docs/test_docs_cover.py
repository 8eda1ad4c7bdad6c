"""Everything there is to know is on its page, and nothing else: verbs, options, tags, settings, diagnostics, names."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

import mlops_nb
from mlops_nb.cli import build_app
from mlops_nb.notebook import CODES, parse_notebook, tags
from mlops_nb.notebook.settings import problems, schema
from mlops_nb.pipeline.settings_file import read_pipeline_settings
from mlops_nb.project import Settings, find_project
from mlops_nb.steps import read_steps
from mlops_nb.validation.metrics import METRICS
from tests.docs.pages import ROOT, blocks, cells, without_code
from tests.notebook_factory import write

if TYPE_CHECKING:
    from pathlib import Path

DOCS = ROOT / "docs"
OPTION = re.compile(r"(?<![\w-])--?[a-z][\w-]*")


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def sections(text: str, level: str = "##") -> dict[str, str]:
    """Return the text below each heading of a level, by heading."""
    parts = re.split(rf"^{level} (.+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def words(text: str) -> set[str]:
    """Return what stands in a page as code within a line."""
    return set(re.findall(r"`([^`\n]+)`", without_code(text)))


def rows(text: str) -> set[str]:
    """Return what stands as code in the first column of the page's tables."""
    firsts = re.findall(r"^\| ?(`.+?) \|", without_code(text), flags=re.MULTILINE)
    return {name for first in firsts for name in re.findall(r"`([^`]+)`", first)}


# --- the command line -------------------------------------------------------------------------------------------------


@cache
def verbs() -> dict[str, Any]:
    group: Any = typer.main.get_command(build_app())
    found: dict[str, Any] = group.commands
    return found


def test_every_verb_has_its_section_and_every_section_its_verb() -> None:
    assert {heading for heading in sections(page("command-line.md")) if heading.islower()} == set(verbs())


@pytest.mark.parametrize("verb", verbs())
def test_every_option_and_argument_of_a_verb_is_in_its_section_and_no_other(verb: str) -> None:
    section = sections(page("command-line.md"))[verb]
    known = {name for parameter in verbs()[verb].params for name in parameter.opts if name.startswith("-")}
    arguments = {parameter.metavar for parameter in verbs()[verb].params if not parameter.opts[0].startswith("-")}

    assert known - {"--help"} == {name.split()[0] for name in rows(section) if name.startswith("-")}
    assert all(argument in without_code(section) for argument in arguments if argument)


def test_commands_in_any_page_use_verbs_and_options_that_exist() -> None:
    everywhere = [
        command
        for path in (ROOT / "README.md", *DOCS.rglob("*.md"))
        for command in re.findall(r"mlops-nb ([a-z]+(?: [^`\n|·]*)?)", path.read_text(encoding="utf-8"))
        if path.parent.name != "decisions"
    ]
    assert everywhere
    wrong = []
    for command in everywhere:
        verb, *rest = command.split()
        known = {name for parameter in verbs()[verb].params for name in parameter.opts} if verb in verbs() else set()
        options = [word for word in rest if OPTION.fullmatch(word)]
        if verb not in verbs() or not set(options) <= {*known, "--help"}:
            wrong.append(command)
    assert not wrong


# --- tags and settings ------------------------------------------------------------------------------------------------


def test_every_tag_is_on_the_page_of_tags_and_no_other() -> None:
    documented = {re.split(r"[:]", tag)[0] for tag in rows(page("tags.md"))}

    assert documented == {*tags._WORDS, *tags._STEP_PREFIXES, "prev", *tags._KALE_PREFIXES}


def test_every_tag_of_the_readme_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = {tag.partition(":")[0] for tag in rows(sections(text)["How to tag"])}

    assert named
    assert named <= {*tags._WORDS, *tags._STEP_PREFIXES, "prev", *tags._KALE_PREFIXES}


def test_every_setting_of_a_step_is_on_the_page_of_settings_and_no_other() -> None:
    step = sections(page("settings.md"))["A step: `metadata.mlops_nb` of a cell"]
    output = schema()["properties"]["outputs"]["additionalProperties"]["properties"]

    assert rows(step) == {*schema()["properties"], *output, *output["type"]["enum"]}


def test_limits_and_defaults_of_settings_are_those_of_the_schema() -> None:
    text = page("settings.md")

    assert f"0 to {schema()['properties']['retries']['maximum']}" in text
    assert problems({"timeout_s": 0})
    assert not problems({"timeout_s": 0.1, "retry_wait_s": 0, "memory_mb": 1, "retries": 0})


def test_every_setting_of_a_project_is_on_the_page_of_settings_and_no_other() -> None:
    section = sections(page("settings.md"))["A project: `[tool.mlops_nb]`"]
    known = {field.name for field in fields(Settings)}

    assert rows(section) == known
    # A table has no variable.
    plain = {name for name in known if not isinstance(getattr(Settings(), name), dict)}
    assert {word for word in words(section) if word.startswith("MLOPS_NB_")} == {f"MLOPS_NB_{n.upper()}" for n in plain}


@pytest.mark.parametrize("example", [b.text for b in blocks(page("settings.md")) if b.language == "json"])
def test_an_example_of_a_steps_settings_fits_the_schema(example: str) -> None:
    assert problems(json.loads(example)) == []


@pytest.mark.parametrize("example", [b.text for b in blocks(page("settings.md")) if b.language == "toml"])
def test_an_example_of_a_settings_file_is_read(tmp_path: Path, example: str) -> None:
    place = tmp_path / example.partition("\n")[0].removeprefix("# ")
    notebook = write(tmp_path / "tips.ipynb", [("parameters", "alpha = 1.0"), ("step:train", "total = alpha")])
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(example, encoding="utf-8")

    project = find_project(notebook, environ={})
    graph = read_steps(parse_notebook(notebook.read_text(encoding="utf-8"), notebook))
    parameters, steps = read_pipeline_settings(project.pipeline("tips"), graph)

    assert parameters or steps or project.settings != Settings()


# --- diagnostics ------------------------------------------------------------------------------------------------------


def test_every_diagnostic_is_on_the_page_of_diagnostics_in_order_and_no_other() -> None:
    assert list(sections(page("diagnostics.md"))) == [f"{code}: {sentence}" for code, (_, sentence) in CODES.items()]


@pytest.mark.parametrize(
    ("heading", "text"), sections(page("diagnostics.md")).items(), ids=lambda value: value[:5].strip()
)
def test_a_diagnostic_is_told_with_its_weight_and_its_mend(heading: str, text: str) -> None:
    assert text.strip().startswith(f"*{CODES[heading[:5]][0].value}.* ")
    assert "**Mend it:** " in text


@pytest.mark.parametrize(
    ("code", "example"),
    [
        (heading[:5], block.text)
        for heading, text in sections(page("diagnostics.md")).items()
        for block in blocks(text)
        if block.language == "python"
    ],
    ids=lambda value: value if len(value) == 5 else "",
)
def test_the_example_of_a_diagnostic_gives_it(
    code: str, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    diagnostics = mlops_nb.check(write(tmp_path / "tips.ipynb", cells(example)))

    assert code in {found.code for found in diagnostics}
    # And no other error: the example shows what it says.
    errors = {found.code for found in diagnostics if found.severity.value == "error"}
    assert errors <= {code}


def test_a_code_that_the_page_says_no_check_gives_is_given_by_none() -> None:
    idle = {heading[:5] for heading, text in sections(page("diagnostics.md")).items() if "No check of this" in text}
    sources = [path for path in (ROOT / "mlops_nb").rglob("*.py") if path.name != "diagnostics.py"]
    given = {code for path in sources for code in re.findall(r"MN\d{3}", path.read_text(encoding="utf-8"))}

    assert set(CODES) - given == idle


# --- verdicts ---------------------------------------------------------------------------------------------------------


def test_every_finding_that_a_judge_gives_is_on_the_page_of_verdicts() -> None:
    codes = re.compile(r'(?:Finding\(\s*|_found\(\s*frame,\s*|code, why = |code = )"([A-Z][A-Z_]+)"')
    given = {code for path in (ROOT / "mlops_nb").rglob("*.py") for code in codes.findall(path.read_text("utf-8"))}

    assert {"NEW_COLUMN", "OUT_OF_RANGE", "UNAPPROVED_SCHEMA", "DRIFT_TOGETHER"} <= given
    assert given <= rows(page("verdicts.md"))


# --- Python, the house, the record ------------------------------------------------------------------------------------


def test_every_name_of_the_package_is_on_the_page_of_python_and_no_other() -> None:
    assert rows(page("python-api.md")) == {f"mlops_nb.{name}" for name in mlops_nb.__all__}
    assert all(getattr(mlops_nb, name) is not None for name in mlops_nb.__all__)


def rooms() -> set[str]:
    package = ROOT / "mlops_nb"
    found = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    return found - {"__init__"}


def test_every_room_of_the_house_is_in_its_map_and_in_its_picture() -> None:
    (picture,) = [block.text for block in blocks(page("how-it-works.md")) if block.language == "mermaid"]
    mapped = set(re.findall(r"^(\w+)  +\w", mlops_nb.__doc__ or "", flags=re.MULTILINE))

    assert mapped == rooms()
    assert rooms() - {"errors"} == set(re.findall(r"\b(\w+)\[", picture))


def test_what_the_readme_says_that_exists_is_shown_by_a_test() -> None:
    text = sections((ROOT / "README.md").read_text(encoding="utf-8"))["What it does"]
    claimed = {
        int(n)
        for cell in re.findall(r"\| (\d[\d, ]*)(?: in part)? \|$", text, flags=re.MULTILINE)
        for n in cell.split(",")
    }
    shown = {
        int(number)
        for path in (ROOT / "tests").rglob("test_*.py")
        for number in re.findall(r"mark\.row\((\d+)\)", path.read_text(encoding="utf-8"))
    }

    assert claimed
    assert claimed <= shown


# --- gates and verdicts -----------------------------------------------------------------------------------------------


def test_every_setting_of_a_models_gate_is_on_the_page_of_models_and_no_other() -> None:
    gate = sections(page("models.md"))["The gate"]
    told = schema()["$defs"]["evaluate"]["properties"]
    of_metric = told["metrics"]["additionalProperties"]["properties"]
    of_slices = told["slices"]["properties"]

    assert rows(gate) == {*told, *of_metric, *of_slices}


def test_every_metric_is_on_the_page_of_models() -> None:
    assert set(METRICS) <= words(sections(page("models.md"))["The gate"])


@pytest.mark.parametrize("example", [b.text for b in blocks(page("models.md")) if b.language == "json"])
def test_an_example_of_a_gate_fits_the_schema(example: str) -> None:
    assert problems(json.loads(example)) == []


def test_every_code_of_a_finding_on_a_model_is_on_the_page_of_verdicts_and_no_other() -> None:
    documented = {name for name in rows(sections(page("verdicts.md"))["Of models"]) if name.isupper()}
    sources = [ROOT / "mlops_nb" / "execution" / "judging" / "worker.py"]
    names = ("performance", "slices", "leak", "contract", "deployment", "behaviour")
    sources += [ROOT / "mlops_nb" / "validation" / f"{name}.py" for name in names]
    given = {code for path in sources for code in re.findall(r'"([A-Z][A-Z_]{5,})"', path.read_text(encoding="utf-8"))}

    assert documented == given
