"""The laws of the house: who may import whom, what a kernel may load, how long and how named a file may be."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "mlops_nb"
SOURCES = sorted(PACKAGE.rglob("*.py"))
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]

NO_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "base", "manager", "misc"}
LONG, TOO_LONG = 350, 400

KERNEL_SIDE = ("handover", "scraps", "validation", "features", "artifacts")
SERVER_ONLY = ("ploomber", "papermill", "jupyter_server", "fastapi", "starlette", "sqlalchemy", "mlops_nb.metadata")
HEAVY = ("nbformat", "pandas", "numpy", "sklearn", "ploomber", "papermill", "scrapbook", "sqlalchemy", "matplotlib")

# Spelt in two parts, so that this file is not a hit of its own.
REGISTRY_HOSTS = (
    *("files." + "pythonhosted.org", "pypi.org" + "/simple", "test." + "pypi.org"),
    *("registry." + "npmjs.org", "registry." + "yarnpkg.com", "conda." + "anaconda.org"),
)
PINS = (
    "constraints*.txt",
    "requirements*.txt",
    "*.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    ".npmrc",
    ".yarnrc*",
)


def room(source: Path) -> str:
    parts = source.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imported(source: str) -> set[str]:
    """Return the dotted names of the modules, and of what is taken from them, that a source imports anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names |= {str(argument.value) for argument in node.args if isinstance(argument, ast.Constant)}
    return names


def required(line: str) -> str:
    """Return the normalised name of the distribution that a requirement asks for (PEP 503)."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=;\s]", line)[0]).lower()


def is_within(name: str, library: str) -> bool:
    return name == library or name.startswith(f"{library}.")


def rooms_of_libraries() -> dict[str, set[str]]:
    banned = SETTINGS["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    return {library: set(re.findall(r"mlops_nb/(\w+)", entry["msg"])) for library, entry in banned.items()}


def loaded(code: str, libraries: tuple[str, ...]) -> set[str]:
    """Run code in a fresh interpreter and return which of the libraries it has loaded at its end."""
    # In a file: `--help` writes to stdout what it likes.
    script = f"""
import json, sys
try:
    {code}
except SystemExit as end:
    assert not end.code, end.code
sys.stderr.write(json.dumps([name for name in {libraries!r} if name in sys.modules]))
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stderr))


def texts() -> Iterator[tuple[Path, str]]:
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if (not name.startswith(".") or name in {".ci", ".github"}) and name not in {"node_modules", "__pycache__"}
        ]
        for name in files:
            path = Path(folder, name)
            if path.stat().st_size < 2**20 and path.suffix not in {".csv", ".parquet", ".png"}:
                yield path, path.read_text(encoding="utf-8", errors="replace")


# --- law 1: the layers ------------------------------------------------------------------------------------------------


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    return subprocess.run(
        [*command, "--no-cache", "--no-logo", "--config", str(ROOT / "pyproject.toml")],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
    )


def test_imports_go_down_the_house_never_up_and_never_sideways() -> None:
    result = lint_imports(ROOT)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("notebook.py", "import mlops_nb.lifecycle"),
        ("artifacts.py", "import mlops_nb.notebook"),
        ("tools.py", ""),
    ],
    ids=["up", "sideways", "a room nobody wrote down"],
)
def test_the_contract_refuses_an_import_that_goes(tmp_path: Path, file: str, source: str) -> None:
    house = tmp_path / "mlops_nb"
    house.mkdir()
    for name in ("__init__.py", "errors.py", "notebook.py", "lifecycle.py"):
        (house / name).touch()
    assert lint_imports(tmp_path).returncode == 0

    (house / file).write_text(source, encoding="utf-8")

    assert lint_imports(tmp_path).returncode == 1


# --- law 2: one library, one room -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("library", "rooms"), sorted(rooms_of_libraries().items()))
def test_one_library_is_imported_in_its_own_room_only(library: str, rooms: set[str]) -> None:
    strangers = [
        str(source.relative_to(ROOT))
        for source in SOURCES
        if room(source) not in rooms
        if any(is_within(name, library) for name in imported(source.read_text(encoding="utf-8")))
    ]

    assert not strangers


def test_every_way_to_import_a_library_is_seen() -> None:
    lines = (
        "import ploomber",
        "import ploomber.tasks as t",
        "from ploomber import DAG",
        "from ploomber.tasks import NotebookRunner",
        "def lazily():\n    import ploomber",
        "import importlib\nimportlib.import_module('ploomber.dag')",
    )

    assert all(any(is_within(name, "ploomber") for name in imported(line)) for line in lines)
    assert not any(is_within(name, "ploomber") for name in imported("import ploomber_extension"))


def test_every_room_with_a_library_of_its_own_is_exempt_from_the_ban_and_no_other() -> None:
    owners = {name for rooms in rooms_of_libraries().values() for name in rooms}
    ignores = SETTINGS["ruff"]["lint"]["per-file-ignores"]
    exempt = {
        Path(pattern).parts[1].removesuffix(".py")
        for pattern, codes in ignores.items()
        if pattern.startswith("mlops_nb/") and "TID251" in codes
    }

    assert exempt == owners


# --- law 3: the two sides of a kernel ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KERNEL_SIDE)
def test_what_runs_inside_a_kernel_loads_nothing_of_the_server(name: str) -> None:
    if not (PACKAGE / name).exists() and not (PACKAGE / f"{name}.py").exists():
        pytest.skip(f"mlops_nb.{name} is not built yet")

    assert loaded(f"import mlops_nb.{name}", SERVER_ONLY) == set()


# --- law 4: no state in modules ---------------------------------------------------------------------------------------


def test_no_function_rebinds_a_name_of_its_module() -> None:
    rebinding = [
        f"{source.relative_to(ROOT)}:{node.lineno}"
        for source in SOURCES
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Global)
    ]

    assert not rebinding


# --- law 5: names and sizes -------------------------------------------------------------------------------------------


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    paths = [path for path in PACKAGE.rglob("*") if "__pycache__" not in path.parts]

    assert not [path for path in paths if path.stem.strip("_") in NO_NAMES]


def test_files_stay_short_enough_to_read_in_one_go() -> None:
    lines = {
        str(source.relative_to(ROOT)): len(source.read_text(encoding="utf-8").splitlines())
        for source in SOURCES
        if "versions" not in source.parts
    }
    long = {source: count for source, count in lines.items() if count > LONG}

    assert not [source for source, count in long.items() if count > TOO_LONG], f"over {LONG} lines: {long}"


# --- start-up ---------------------------------------------------------------------------------------------------------


def test_importing_the_package_loads_no_library() -> None:
    assert loaded("import mlops_nb", (*HEAVY, "typer", "pydantic")) == set()


@pytest.mark.skipif(not (PACKAGE / "cli").exists(), reason="mlops_nb.cli is not built yet")
def test_help_is_shown_without_loading_a_heavy_library() -> None:
    code = "import mlops_nb.cli; sys.argv = ['mlops-nb', '--help']; mlops_nb.cli.main()"

    assert loaded(code, HEAVY) == set()


# --- what is handed out -----------------------------------------------------------------------------------------------


def test_the_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    # Built in this environment and not an isolated one: a test downloads nothing.
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    built = subprocess.run(build, check=False, capture_output=True, text=True, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("mlops_nb/")}

    files = (path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert packed == {path.relative_to(ROOT).as_posix() for path in files}


def test_no_file_names_a_package_registry() -> None:
    assert not [(str(path), host) for path, text in texts() for host in REGISTRY_HOSTS if host in text]


def test_pins_hold_neither_an_address_nor_a_path_of_some_machine() -> None:
    pins = {path: text for path, text in texts() if any(path.match(pattern) for pattern in PINS)}
    place = re.compile(r'"?resolved"?:? "?https?:|^\s*(?:-|--)\w|file:|(?:^|[\s"@=])(?:/|~/|[A-Z]:\\)\w', re.MULTILINE)
    address = re.compile(r"https?://")

    assert ROOT / ".ci" / "constraints.txt" in pins
    assert not {str(path): found[0] for path, text in pins.items() if (found := place.search(text))}
    assert not [
        str(path) for path, text in pins.items() if path.name.startswith("constraints") and address.search(text)
    ]


def test_every_library_the_package_imports_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # The library of an extra may be missing: what imports it has to say so itself.
    extras = project["optional-dependencies"]
    groups = (project["dependencies"], *(extras[name] for name in ("examples", "onnx", "serving", "tests")))
    asked = {required(line) for group in groups for line in group}
    modules = {name.split(".")[0] for source in SOURCES for name in imported(source.read_text(encoding="utf-8"))}
    distributions = packages_distributions()
    unasked = {
        module
        for module in modules - {*sys.stdlib_module_names, "mlops_nb"}
        if not {required(name) for name in distributions.get(module, ["nothing"])} & asked
    }

    assert not unasked


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-pandas2.txt"])
def test_every_dependency_is_pinned(name: str) -> None:
    pinned = {re.split(r"[=;\s]", line)[0] for line in (ROOT / ".ci" / name).read_text(encoding="utf-8").splitlines()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    names = {required(line) for line in asked} - {"mlops-nb"}

    assert names <= pinned, f"run `bash .ci/lock`: {sorted(names - pinned)}"
