"""Models, their immutable versions, and the aliases that say which one is `champion`.

A version is addressed by its content: registering content that a model has already gives back the version it has, and
records the run that came to it again as a reproduction. So registering twice does no harm, a number is never given
twice, and a version never changes. Which version is used is said by aliases, whose every move is kept with who, when
and why.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.metadata import UnknownRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import AliasMove, Candidate, MetadataStore, Model, ModelVersion, Reproduction

LATEST = "latest"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_LIST = "`mlops-nb models` lists the models, their versions and aliases."
_MODEL, _SAMPLE, _REQUIREMENTS = "model.skops", "sample_input.parquet", "requirements.txt"
# Making predictions needs none of them, and an index may not have the very version.
_OURS = frozenset({"mlops-nb", "mlops_nb"})


class Registry:
    """The models of a metadata store.

    Parameters
    ----------
    store
        An open store; whoever opened it closes it.
    """

    def __init__(self, store: MetadataStore) -> None:
        self._store = store

    def register(self, model: str, candidate: Candidate) -> ModelVersion:
        """Make a candidate the next version of a model, or return the version that has its content.

        Raises
        ------
        UsageError
            When the name cannot be a model's, or metrics, signature or environment are no JSON.
        UnknownRecord
            When the candidate's artifact, sample input, run or step is not in the store.
        """
        _check_name("a model", model)
        return self._store.add_model_version(model, candidate)

    def models(self) -> tuple[Model, ...]:
        """Return all models, by name, with where their aliases point."""
        return self._store.models()

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """Return the versions of a model, newest first.

        Raises
        ------
        UnknownRecord
            When there is no such model, with the nearest.
        """
        found = self._store.model_versions(model)
        if not found:
            near = did_you_mean(model, (known.name for known in self.models()))
            message = f"There is no model `{model}`.{near}"
            raise UnknownRecord(message, hint=_LIST)
        return found

    def get(self, model: str, which: str = LATEST) -> ModelVersion:
        """Return one version of a model.

        Parameters
        ----------
        which
            A version's number, an alias, or `latest` for the highest number.

        Raises
        ------
        UnknownRecord
            When there is no such model, version or alias, with the nearest.
        """
        versions = self.versions(model)
        if which == LATEST:
            return versions[0]
        for version in versions:
            if which == str(version.version) or which in version.aliases:
                return version
        if which.isdecimal():
            message = f"Model `{model}` has no version {which}; its newest is {versions[0].version}."
            raise UnknownRecord(message, hint=_LIST)
        near = did_you_mean(which, [*self._store.aliases(model), LATEST])
        message = f"Model `{model}` has no alias `{which}`.{near}"
        raise UnknownRecord(message, hint=_LIST)

    def set_alias(self, model: str, alias: str, version: int, why: str) -> AliasMove:
        """Point an alias to a version, in one atomic step, and return the recorded move.

        Raises
        ------
        UsageError
            When the name cannot be an alias's: `latest` and numbers have a meaning of their own.
        UnknownRecord
            When there is no such model or version.
        """
        return self.move_aliases(model, {alias: version}, why)[0]

    def drop_alias(self, model: str, alias: str, why: str) -> AliasMove:
        """Point an alias to nothing; its history stays.

        Raises
        ------
        UnknownRecord
            When the model has no such alias, with the nearest.
        """
        self.get(model, alias)
        return self.move_aliases(model, {alias: None}, why)[0]

    def move_aliases(self, model: str, moves: Mapping[str, int | None], why: str) -> tuple[AliasMove, ...]:
        """Move several aliases at once: nobody ever sees one moved and another not yet.

        Raises
        ------
        UsageError
            When a name cannot be an alias's.
        UnknownRecord
            When there is no such model or version; then none has moved.
        """
        for alias in moves:
            _check_name("an alias", alias)
        self.versions(model)
        return self._store.move_aliases(model, moves, why)

    def alias_history(self, model: str, alias: str | None = None) -> tuple[AliasMove, ...]:
        """Return how the aliases of a model (or one of them) moved, newest first."""
        return self._store.alias_moves(model, alias)

    def reproductions(self, model: str, version: int) -> tuple[Reproduction, ...]:
        """Return the later runs that came to the very content of a version, oldest first."""
        return self._store.reproductions(model, version)


def _check_name(kind: str, name: str) -> None:
    if name == LATEST or not _NAME.fullmatch(name):
        message = f"`{name}` cannot name {kind}."
        raise UsageError(
            message,
            hint="Letters, digits, `_`, `.` and `-`, at most 100, starting with a letter; "
            f"`{LATEST}` and numbers name versions.",
        )


def write_version(version: ModelVersion, artifacts: ArtifactStore, folder: Path) -> tuple[Path, ...]:
    """Write all that is needed to use a version, without the notebook and without mlops_nb, into a new folder.

    The model (skops) and its sample input (Parquet), `signature.json`, `metrics.json`, `version.json` with where it
    comes from, `requirements.txt` with the packages of the run that made it, and a `README.md` that says how to load
    it. The folder appears whole or not at all.

    Raises
    ------
    UsageError
        When something of that name is there already.
    ArtifactMissing, CorruptArtifact
        When the store does not have the content, or has something else.
    """
    from mlops_nb.artifacts import audit

    if folder.exists():
        message = f"{folder} is there already."
        raise UsageError(message, hint="Name a new folder: nothing is overwritten.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    model = artifacts.get(version.artifact)
    named = audit(model)
    told = {name: value for name, value in asdict(version).items() if name not in {"signature", "metrics"}}
    files: dict[str, bytes] = {
        _MODEL: model,
        "signature.json": _json(version.signature),
        "metrics.json": _json(version.metrics),
        "version.json": _json(told),
        _REQUIREMENTS: _requirements(version).encode(),
        "README.md": _how_to_load(version, sorted({*named.granted, *named.untrusted})).encode(),
    }
    if version.sample_input is not None:
        files[_SAMPLE] = artifacts.get(version.sample_input)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as beside:
        made = Path(beside, folder.name)
        made.mkdir()
        for name, content in files.items():
            (made / name).write_bytes(content)
        made.rename(folder)
    return tuple(folder / name for name in sorted(files))


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, default=str) + "\n").encode()


def _requirements(version: ModelVersion) -> str:
    packages: Mapping[str, str] = version.environment.get("packages", {})
    pins = [f"{name}=={number}" for name, number in packages.items() if name not in _OURS]
    python = version.environment.get("python", "")
    head = f"# The packages of the run that made {version.model} {version.version}, under Python {python}."
    return "\n".join([head, *pins, ""])


def _how_to_load(version: ModelVersion, trusted: list[str]) -> str:
    named = "".join(f"\n    {name!r}," for name in trusted)
    lines = ["import skops.io", "", f"trusted = [{named}\n]" if trusted else "trusted = []"]
    lines.append(f'model = skops.io.load("{_MODEL}", trusted=trusted)')
    if version.sample_input is not None:
        rows = f'pandas.read_parquet("{_SAMPLE}")'
        if version.signature.get("layout") == "array":
            rows += ".to_numpy()"
        lines = ["import pandas", *lines, f"print(model.{version.signature.get('method', 'predict')}({rows}))"]
    code = "\n".join(lines)
    return f"""# {version.model} {version.version}

Made by run {version.run}, step `{version.step}`, on {version.created:%Y-%m-%d}. What it takes and gives is in
`signature.json`, what it achieved in `metrics.json`.

```
pip install -r {_REQUIREMENTS}
```

```python
{code}
```

Loading runs code of the types that `trusted` names: look at the list before you load a file from somebody you do not
trust.
"""
