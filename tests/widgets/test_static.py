"""The scripts and styles that a browser gets: no network, no parsing of HTML, one module without a build step."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from shutil import which

import pytest

from mlops_nb import widgets
from mlops_nb.widgets import ComparisonTable

STATIC = Path(widgets.__file__).parent / "static"
SCRIPTS = sorted(STATIC.glob("*.js"))
SVG_NAMESPACE = "http://www.w3.org/2000/svg"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_parses_html_or_code_or_asks_a_network(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace(SVG_NAMESPACE, "")

    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|DOMParser|document\.write|\beval\b|new Function", text
    )
    assert not re.search(r"https?:|//[a-z]+\.|\bfetch\(|XMLHttpRequest|\bimport\b", text)
    assert len(text.splitlines()) <= 350


def test_the_style_sheet_stays_in_its_widget_and_asks_no_network() -> None:
    text = (STATIC / "widgets.css").read_text(encoding="utf-8")

    assert "url(" not in text
    assert "@import" not in text
    rules = re.findall(r"(?m)^(?![ }@/])([^{\n]+?) \{", text)
    assert rules
    assert not [rule for rule in rules if ".mn-" not in rule]


def test_every_script_is_in_the_module_and_it_exports_once(tmp_path: Path) -> None:
    module = str(ComparisonTable._esm)

    assert all(path.read_text(encoding="utf-8") in module for path in SCRIPTS)
    assert len(re.findall(r"(?m)^export ", module)) == 1
    if which("node") is None:
        return
    file = tmp_path / "comparison.mjs"
    file.write_text(module, encoding="utf-8")
    checked = subprocess.run(["node", "--check", str(file)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
