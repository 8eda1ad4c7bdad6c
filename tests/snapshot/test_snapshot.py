"""What a run stood on is kept, and can be put back into an empty folder."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from mlops_nb.artifacts import ArtifactMissing, ArtifactStore, CorruptArtifact
from mlops_nb.snapshot import (
    KeptFile,
    NoSnapshot,
    Snapshot,
    Sources,
    file_hash,
    git_state,
    read_environment,
    requirements,
    restore,
    take,
    with_inputs,
)

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_nb.metadata import GitState


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "notebooks").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "notebooks" / "tips.ipynb").write_text('{"cells": []}')
    (root / "notebooks" / "beside.py").write_text("import shared.units\n")
    (root / "shared").mkdir()
    (root / "shared" / "__init__.py").write_text("")
    (root / "shared" / "units.py").write_text("MILE_M = 1609.344\n")
    (root / "data" / "rides.csv").write_text("distance,tip\n1.5,2\n")
    return root


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


def _take(root: Path, store: ArtifactStore, data: tuple[str, ...] = (), git: GitState | None = None) -> Snapshot:
    sources = Sources(root, root / "notebooks" / "tips.ipynb", ["beside", "json"], largest_bytes=1 << 20)
    return take(sources, data, store, seed=7, git=git, environment=read_environment())


def test_it_holds_the_notebook_the_modules_it_reaches_and_its_data(project: Path, store: ArtifactStore) -> None:
    found = _take(project, store, ("../data/rides.csv",))
    assert sorted(found.files) == [
        "notebooks/beside.py",
        "notebooks/tips.ipynb",
        "shared/__init__.py",
        "shared/units.py",
    ]
    assert list(found.inputs) == ["data/rides.csv"]
    assert store.get(found.inputs["data/rides.csv"].digest) == b"distance,tip\n1.5,2\n"


def test_it_is_put_back_as_it_was_whatever_has_become_of_the_project(
    project: Path, store: ArtifactStore, tmp_path: Path
) -> None:
    found = Snapshot.from_json(_take(project, store, ("../data/rides.csv",)).to_json())
    (project / "shared" / "units.py").write_text("MILE_M = 1000\n")
    (project / "data" / "rides.csv").unlink()
    target = tmp_path / "again"
    assert restore(found, store, target) == ()
    assert (target / "shared" / "units.py").read_text() == "MILE_M = 1609.344\n"
    assert (target / "data" / "rides.csv").read_text() == "distance,tip\n1.5,2\n"


def test_data_that_is_too_large_or_may_hold_a_secret_is_known_by_its_hash_alone(
    project: Path, store: ArtifactStore, tmp_path: Path
) -> None:
    (project / "notebooks" / ".env").write_text("TOKEN=hunter2\n")
    (project / "notebooks" / "large.bin").write_bytes(bytes(2 << 20))
    found = _take(project, store, (".env", "large.bin"))
    assert found.lost == ("notebooks/.env", "notebooks/large.bin")
    assert not any(store.has(item.digest) for item in found.inputs.values())
    # Where the project still has them they are taken from there; and where not, they are named.
    assert restore(found, store, tmp_path / "one") == ()
    (project / "notebooks" / "large.bin").write_bytes(b"other")
    assert restore(found, store, tmp_path / "two") == ("notebooks/large.bin",)


def test_a_file_that_a_step_has_read_and_something_has_written_since_is_not_passed_off_for_what_was_read(
    project: Path, store: ArtifactStore
) -> None:
    sources = Sources(project, project / "notebooks" / "tips.ipynb")
    found = with_inputs(_take(project, store), sources, {"../data/rides.csv": "0" * 64}, store)
    assert found.inputs["data/rides.csv"] == KeptFile("0" * 64, 19, kept=False)


def test_a_file_that_somebody_wrote_between_the_start_and_the_step_that_reads_it_is_kept_as_it_was_read(
    project: Path, store: ArtifactStore, tmp_path: Path
) -> None:
    found = _take(project, store, ("../data/rides.csv",))
    (project / "data" / "rides.csv").write_text("distance,tip\n3,4\n")
    digest = file_hash(project / "data" / "rides.csv")
    sources = Sources(project, project / "notebooks" / "tips.ipynb")
    seen = with_inputs(found, sources, {"../data/rides.csv": digest}, store)
    (project / "data" / "rides.csv").unlink()
    assert restore(seen, store, tmp_path / "again") == ()
    assert (tmp_path / "again" / "data" / "rides.csv").read_text() == "distance,tip\n3,4\n"


def test_a_corrupt_or_missing_file_is_an_error_and_leaves_nothing_half(
    project: Path, store: ArtifactStore, tmp_path: Path
) -> None:
    found = _take(project, store)
    place = store.path(found.files["shared/units.py"].digest)
    place.chmod(0o644)
    place.write_text("MILE_M = 1\n")
    with pytest.raises(CorruptArtifact):
        restore(found, store, tmp_path / "one")
    assert not (tmp_path / "one" / "shared" / "units.py").exists()
    place.unlink()
    with pytest.raises(ArtifactMissing):
        restore(found, store, tmp_path / "two")


@pytest.mark.parametrize("name", ["../outside.py", "a/../../outside.py"])
def test_a_name_that_leads_out_of_the_folder_is_refused(name: str, store: ArtifactStore, tmp_path: Path) -> None:
    digest, length = store.put(b"x")
    evil = Snapshot("a.ipynb", str(tmp_path / "nowhere"), 1, files={name: KeptFile(digest, length)})
    with pytest.raises(NoSnapshot, match="leads out"):
        restore(evil, store, tmp_path / "target")
    assert not (tmp_path / "outside.py").exists()


def test_a_snapshot_of_a_newer_format_is_refused() -> None:
    with pytest.raises(NoSnapshot, match="does not read"):
        Snapshot.from_json(json.dumps({"format": 99}))


@pytest.mark.row(22)
def test_what_differs_from_the_commit_is_kept_as_a_patch_without_files_of_secrets(
    project: Path, store: ArtifactStore, tmp_path: Path
) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(project), *words], check=True, capture_output=True)

    (project / "passwords.txt").write_text("one\n")
    git("init", "--quiet")
    git("-c", "user.name=a", "-c", "user.email=a@example.org", "add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "first")
    (project / "shared" / "units.py").write_text("MILE_M = 1609\n")
    (project / "passwords.txt").write_text("two\n")
    found = _take(project, store, git=git_state(project))
    text = store.get(found.patch).decode()
    assert "+MILE_M = 1609\n" in text
    assert "passwords" not in text
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(project), str(clone)], check=True)
    subprocess.run(["git", "-C", str(clone), "apply", "-"], input=text.encode(), check=True)
    assert (clone / "shared" / "units.py").read_text() == "MILE_M = 1609\n"


def test_the_packages_are_a_requirements_file_that_pip_reads() -> None:
    from packaging.requirements import Requirement

    lines = [line for line in requirements(read_environment()).splitlines() if not line.startswith("#")]
    pins = {Requirement(line).name: str(Requirement(line).specifier) for line in lines}
    assert pins["pandas"].startswith("==")
    # This very package was installed from a folder, which no other machine has.
    assert "mlops-nb" not in pins
