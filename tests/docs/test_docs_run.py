"""The examples of the documentation run and print what the pages say; links lead somewhere; nothing names a machine."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from tests.docs.pages import PAGES, ROOT, blocks, examples, pattern, project, run, settled, without_code

if TYPE_CHECKING:
    from pathlib import Path

WITH_EXAMPLES = [
    page for page in PAGES if any(block.language == "console" for block in blocks(page.read_text("utf-8")))
]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
MACHINE = re.compile(r"(?<![\w…./-])(?:/(?:home|Users|root|work|tmp|var|opt|mnt|srv|private)/\w|[A-Z]:\\\w|file:/)")
KEPT_A_CHANGELOG = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def short(page: Path) -> str:
    return str(page.relative_to(ROOT))


# --- examples ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=WITH_EXAMPLES, ids=short)
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """Run a page's examples; give the page, the project they ran in, and the first that printed something else."""
    page: Path = request.param
    folder = project(page, tmp_path_factory.mktemp("page") / "project")
    wrong = ""
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language != "console" or block.not_run:
            continue
        for example in examples(block):
            printed = run(example.command, folder)
            if not wrong and not pattern(example.output).fullmatch(settled(printed)):
                wrong = f"$ {example.command}\n{printed}\n--- and the page says ---\n{example.output}"
    return page, folder, wrong


@pytest.mark.timeout(900)
def test_the_examples_of_a_page_print_what_it_says(told: tuple[Path, Path, str]) -> None:
    page, _, wrong = told

    assert not wrong, f"`python -m tests.docs.pages {short(page)}` renews the page.\n{wrong}"


@pytest.mark.timeout(900)
def test_the_python_examples_run_after_those_of_the_command_line(told: tuple[Path, Path, str]) -> None:
    page, folder, _ = told
    if page.name != "command-line.md":
        pytest.skip("they go on with the project of command-line.md")
    text = (ROOT / "docs" / "python-api.md").read_text(encoding="utf-8")
    script = "\n".join(block.text for block in blocks(text) if block.language == "python")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLOPS_NB_")}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env=environment | {"PYTHONPATH": str(ROOT)},
    )

    assert done.returncode == 0, done.stderr
    for expected in ("['prelude', 'load', 'train', 'evaluate']", "Did you mean `alpha`?", "['distance', 'fare']"):
        assert expected in done.stdout


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=short)
def test_an_example_that_is_not_run_says_why(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    reasons = [block.not_run for block in blocks(text) if block.not_run]

    assert len(reasons) == text.count("<!-- not run: ")
    assert all(len(reason.split()) > 2 for reason in reasons)


def test_an_example_that_prints_something_else_is_seen() -> None:
    page = "✔ load succeeded 1.7 s\n…\n✔ run 20261123-182720-413ed7 succeeded in 15 s\n"

    assert pattern(page).fullmatch(
        settled("✔  load succeeded 0.2 s\nmore\n✔ run 20270101-000000-abcdef succeeded in 2 s")
    )
    assert not pattern(page).fullmatch(
        settled("✔ load failed 0.2 s\nmore\n✔ run 20270101-000000-abcdef succeeded in 2 s")
    )
    assert not pattern("mae 1.18731").fullmatch(settled("mae 1.2"))


# --- the two commands -------------------------------------------------------------------------------------------------


def test_the_two_commands_of_the_readme_point_to_what_is_there() -> None:
    # CI itself runs them, in a fresh checkout.
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = [block.text.strip() for block in blocks(text) if block.language == "bash"]
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]

    assert len(commands) == 2
    for command in commands:
        for words in (part.split() for part in command.split("&&")):
            if words[0] == "bash":
                assert (ROOT / words[1]).is_file()
            else:
                assert words[0].removeprefix(".venv/bin/") in scripts
                assert (ROOT / words[-1]).is_file()


# --- links, paths, the changelog --------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", without_code(page.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    dead = []
    for link in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or not target.is_relative_to(ROOT) or (anchor and anchor not in anchors(target)):
            dead.append(link)

    assert not dead


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_no_page_names_a_place_of_some_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert not [text[found.start() : found.end() + 30] for found in MACHINE.finditer(text)]


def test_places_of_machines_are_seen() -> None:
    assert all(MACHINE.search(place) for place in ("in /home/ada/x", "(/tmp/a)", "C:\\Users", "file:///x"))
    assert not any(MACHINE.search(place) for place in ("…/tmp/a", "https://a.org/home/x", "notebooks/data", "a/b"))


def test_every_page_of_the_docs_is_in_their_index_and_in_the_readme() -> None:
    index = LINK.findall((ROOT / "docs" / "README.md").read_text(encoding="utf-8"))
    readme = LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}

    assert pages <= set(index)
    assert {f"docs/{name}" for name in pages} <= set(readme)


def test_the_changelog_has_the_form_of_keep_a_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    dates = []

    assert text.startswith("# Changelog\n")
    assert releases[0] == "[Unreleased]"
    for release in releases[1:]:
        found = re.fullmatch(r"\[\d+\.\d+\.\d+\] - (\d{4}-\d\d-\d\d)", release)
        assert found, release
        dates.append(dt.date.fromisoformat(found[1]))
    assert dates == sorted(dates, reverse=True)
    assert set(re.findall(r"^### (.+)$", text, flags=re.MULTILINE)) <= KEPT_A_CHANGELOG
    entries = re.split(r"^- ", text, flags=re.MULTILINE)[1:]
    assert entries
    assert all(re.split(r"\n\n|\n#", entry)[0].strip().endswith((".", "!")) for entry in entries)
