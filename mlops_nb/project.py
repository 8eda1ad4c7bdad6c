"""The project: where its root is, what its settings say, and its open stores. The only reader of configuration.

Settings come from, the later winning: the defaults below, `[tool.mlops_nb]` in the root's pyproject.toml, environment
variables `MLOPS_NB_*`. They are read once and handed down as arguments.
"""

from __future__ import annotations

import os
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import ArtifactStore
from mlops_nb.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mlops_nb.metadata import MetadataStore

HOME = ".mlops_nb"
ISOLATIONS = ("fork", "cold")
_MARKS = (HOME, "pyproject.toml", ".git")
_PREFIX = "MLOPS_NB_"
_NUMBERS = frozenset({"workers", "snapshot_mb"})


class SettingsError(UsageError):
    """A setting is unknown or of the wrong type."""

    code = "settings"


@dataclass(frozen=True)
class Settings:
    """What can be set for a project.

    `home` is the folder of everything that runs leave, `.mlops_nb` in the root unless told. `metadata` is an SQLAlchemy
    URL and `artifacts` any URL that fsspec opens; empty means below the home.
    `pipelines` is the folder of compiled pipelines, relative to the root. `workers` is how many steps may run at
    once, 0 for as many as cores and memory allow. `isolation` says how steps get kernels: `fork` from a warm template,
    or `cold`. Input files up to `snapshot_mb` MiB are kept with a run, larger ones are known by their hash.
    `notify` says whom to tell how a run ended; execution reads what is in it.
    """

    home: str = ""
    metadata: str = ""
    artifacts: str = ""
    pipelines: str = "pipelines"
    workers: int = 0
    isolation: str = "fork"
    snapshot_mb: int = 1024
    notify: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Project:
    """A project's root and settings; a silent one, a copy that is only looked at, notifies and waits for nobody."""

    root: Path
    settings: Settings
    silent: bool = False

    @property
    def home(self) -> Path:
        """The folder of everything that runs leave behind."""
        return self.root / (self.settings.home or HOME)

    @property
    def runs(self) -> Path:
        """The folder of executed notebooks, one folder a run."""
        return self.home / "runs"

    def apart(self, home: Path) -> Project:
        """Return this project with its stores below `home` and its pipelines inside the root, wherever they were."""
        inside = (self.root / self.settings.pipelines).resolve().is_relative_to(self.root.resolve())
        settings = replace(
            self.settings,
            home="",
            metadata=f"sqlite:///{home / 'metadata.db'}",
            artifacts=str(home / "artifacts"),
            pipelines=self.settings.pipelines if inside else Settings.pipelines,
        )
        home.mkdir(parents=True, exist_ok=True)
        return replace(self, settings=settings, silent=True)

    def pipeline(self, name: str) -> Path:
        """Return the folder of a pipeline's compiled form, settings and lock."""
        return self.root / self.settings.pipelines / name

    def artifact_store(self) -> ArtifactStore:
        """Return the artifact store."""
        return ArtifactStore(self.settings.artifacts or self.home / "artifacts")

    @property
    def metadata_url(self) -> str:
        """The metadata store's URL."""
        return self.settings.metadata or f"sqlite:///{self.home / 'metadata.db'}"

    @property
    def has_log(self) -> bool:
        """Say whether there is a metadata store to read; `log` would make one."""
        return bool(self.settings.metadata) or (self.home / "metadata.db").exists()

    @contextmanager
    def log(self) -> Iterator[MetadataStore]:
        """Open the metadata store for the length of the block."""
        from mlops_nb.metadata import MetadataStore

        if not self.settings.metadata:
            _make_home(self.home)
        store = MetadataStore.open(self.metadata_url)
        try:
            yield store
        finally:
            store.close()


def find_project(start: Path, environ: Mapping[str, str] | None = None) -> Project:
    """Return the project that a file or folder belongs to.

    The root is the nearest folder upwards with a `.mlops_nb` folder, a pyproject.toml or a git repository, and the
    start's own folder when there is none.

    Raises
    ------
    SettingsError
        When a setting is unknown or of the wrong type.
    """
    start = start.absolute()
    folder = start if start.is_dir() else start.parent
    root = next(
        (place for place in (folder, *folder.parents) if any((place / mark).exists() for mark in _MARKS)), folder
    )
    return Project(root, _settings(root, os.environ if environ is None else environ))


def _settings(root: Path, environ: Mapping[str, str]) -> Settings:
    given: dict[str, Any] = {}
    file = root / "pyproject.toml"
    if file.is_file():
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("mlops_nb", {})
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            message = f"{file} is not valid TOML: {error}."
            raise SettingsError(message, hint="Mend the file.") from error
        for name, value in table.items():
            given[name] = _checked(name, value, f"[tool.mlops_nb] of {file}")
    for variable, text in environ.items():
        if variable.startswith(_PREFIX):
            name = variable.removeprefix(_PREFIX).lower()
            given_value = int(text) if name in _NUMBERS and text.lstrip("-").isdigit() else text
            given[name] = _checked(name, given_value, f"the environment variable {variable}")
    return Settings(**given)


def _checked(name: str, value: Any, where: str) -> Any:
    known = Settings.__dataclass_fields__
    if name not in known:
        message = f"`{name}` in {where} is not a setting.{did_you_mean(name, known)}"
        raise SettingsError(message, hint=f"The settings are {', '.join(known)}.")
    wanted = type(getattr(Settings(), name))
    if type(value) is not wanted or (wanted is int and value < 0):
        told = {int: "a number from 0", dict: "a section of pyproject.toml"}.get(wanted, "text")
        message = f"`{name}` in {where} is {value!r}, and must be {told}."
        raise SettingsError(message, hint="Correct its value.")
    if name == "isolation" and value not in ISOLATIONS:
        message = f"`isolation` in {where} is {value!r}, and must be one of {', '.join(ISOLATIONS)}."
        raise SettingsError(message, hint="Correct its value.")
    return value


def _make_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
        ignore = home / ".gitignore"
        if not ignore.exists():
            ignore.write_text("# Everything here is made by runs; nothing is source.\n*\n", encoding="utf-8")
    except OSError as error:
        message = f"{home}, where runs are kept, cannot be written: {error.strerror or error}."
        hint = "Set MLOPS_NB_HOME to a folder you may write, or change the folder's rights."
        raise UsageError(message, hint=hint) from error
