"""A run leaves its project in one file, and comes out again in another one, on what might be another machine."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import zipfile
from typing import TYPE_CHECKING

import pytest

import mlops_nb
from tests.cli.command import call
from tests.notebook_factory import write

if TYPE_CHECKING:
    from pathlib import Path

CELLS = [
    ("parameters", "share = 0.5"),
    ("step:load", "import pandas as pd\n\nrides = pd.read_csv('data/rides.csv')"),
    ("step:sample", "import numpy as np\n\nchosen = rides[np.random.random(len(rides)) < share]"),
    ("step:report", "from units import MILE_M\n\nmean_m = float(chosen['distance'].mean() * MILE_M)"),
    ("pipeline-metrics", "print(mean_m)"),
]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a packed run; the project it was made in is gone, and so is the store."""
    folder = tmp_path_factory.mktemp("there")
    home = folder / "project"
    (home / "data").mkdir(parents=True)
    (home / "pyproject.toml").touch()
    (home / "data" / "rides.csv").write_text("distance\n" + "".join(f"{number / 7}\n" for number in range(500)))
    (home / "units.py").write_text("MILE_M = 1609.344\n")
    write(home / "rides.ipynb", CELLS)
    assert call(home, "run", "rides.ipynb", "-p", "share", "0.25").code == 0
    for name in ("one.zip", "two.zip"):
        assert call(home, "pack", "last", "--state", "-o", str(folder / name)).code == 0
    shutil.rmtree(home)
    return folder / "one.zip"


def test_packing_a_run_twice_gives_equal_bytes(packed: Path) -> None:
    assert packed.read_bytes() == packed.with_name("two.zip").read_bytes()


@pytest.mark.row(5)
def test_a_run_that_comes_from_elsewhere_is_shown_and_reproduced_from_the_file_alone(
    packed: Path, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").touch()
    told = call(tmp_path, "unpack", str(packed), "--json").json
    assert told["new"]
    assert not call(tmp_path, "unpack", str(packed), "--json").json["new"]
    shown = call(tmp_path, "show", told["run"], "--json").json
    assert [step["step"] for step in shown["steps"]] == ["prelude", "load", "sample", "report"]
    assert {item["name"]: item["value"] for item in shown["parameters"]}["share"] == 0.25
    ended = call(tmp_path, "reproduce", told["run"], "--json")
    assert ended.code == 0, ended.out + ended.err
    assert ended.json["verdict"] == "identical"
    assert ended.json["compared"]["variables"] >= 4


def test_other_tools_find_the_workflow_its_inputs_and_the_run_in_the_crate(packed: Path, tmp_path: Path) -> None:
    from rocrate.rocrate import ROCrate

    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path)
    crate = ROCrate(tmp_path)
    assert crate.mainEntity.id == "project/rides.ipynb"
    (run,) = crate.get_by_type("CreateAction")
    assert run["actionStatus"].endswith("CompletedActionStatus")
    assert {item.id for item in run["object"]} >= {"project/data/rides.csv", "#value-share"}
    assert crate.get("#value-share")["value"] == "0.25"
    contents = [
        hashlib.sha256(file.read_bytes()).hexdigest() for file in tmp_path.glob("[pa]r*/**/*") if file.is_file()
    ]
    assert len(contents) == len(set(contents)), "a content is packed twice"
    for entity in crate.get_by_type("File"):
        assert (tmp_path / entity.id).exists(), entity.id


def _changed(packed: Path, target: Path, name: str, data: bytes, kind: int = stat.S_IFREG) -> Path:
    """Return a copy of the crate with one entry more, or another one of that name."""
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(target, "w") as out:
        for entry in source.infolist():
            if entry.filename != name:
                out.writestr(entry, source.read(entry))
        added = zipfile.ZipInfo(name)
        added.external_attr = (kind | 0o644) << 16
        out.writestr(added, data)
    return target


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("project/units.py", b"MILE_M = 1\n", stat.S_IFREG),
        ("artifacts/" + "0" * 64, b"x", stat.S_IFREG),
        ("../outside.py", b"x", stat.S_IFREG),
        ("steps/link.ipynb", b"/etc/passwd", stat.S_IFLNK),
    ],
)
def test_a_crate_that_is_not_as_it_was_packed_is_refused_and_nothing_is_recorded(
    packed: Path, tmp_path: Path, name: str, data: bytes, kind: int
) -> None:
    (tmp_path / "pyproject.toml").touch()
    evil = _changed(packed, tmp_path / "evil.zip", name, data, kind)
    ended = call(tmp_path, "unpack", str(evil), "--json")
    assert (ended.code, ended.json["error"]["code"]) == (1, "not-a-crate")
    with mlops_nb.find_project(tmp_path).log() as log:
        assert log.runs() == ()
    assert not (tmp_path.parent / "outside.py").exists()


@pytest.mark.parametrize("place", ["run", "step"])
@pytest.mark.parametrize("name", ["{outside}", "../../../outside"])
def test_a_record_whose_names_lead_out_of_their_folder_is_refused_and_nothing_is_written(
    packed: Path, tmp_path: Path, place: str, name: str
) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    name = name.format(outside=tmp_path / "outside")
    with zipfile.ZipFile(packed) as archive:
        record = json.loads(archive.read("run.json"))
    if place == "run":
        record["run"]["id"] = name
    else:
        record["steps"][0]["step"] = name
    evil = _changed(packed, tmp_path / "evil.zip", "run.json", json.dumps(record).encode())
    if place == "step" and name.startswith("/"):
        # Absolute to a path, but not to the archive: `steps//tmp/…`.
        evil = _changed(evil, tmp_path / "worse.zip", f"steps/{name}.ipynb", b"{}")
    ended = call(folder, "unpack", str(evil), "--json")
    assert (ended.code, ended.json["error"]["code"]) == (1, "not-a-crate")
    assert not list(tmp_path.glob("**/outside*"))
    with mlops_nb.find_project(folder).log() as log:
        assert log.runs() == ()


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all"])
def test_a_file_that_is_no_crate_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "x.zip").write_bytes(content)
    assert call(tmp_path, "unpack", "x.zip", "--json").json["error"]["code"] == "not-a-crate"


def test_half_a_crate_and_a_record_of_a_newer_version_are_refused(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    half = tmp_path / "half.zip"
    half.write_bytes(packed.read_bytes()[:-500])
    assert call(tmp_path, "unpack", str(half), "--json").json["error"]["code"] == "not-a-crate"
    newer = _changed(packed, tmp_path / "newer.zip", "run.json", json.dumps({"format": 99}).encode())
    assert call(tmp_path, "unpack", str(newer), "--json").json["error"]["code"] == "not-a-record"
