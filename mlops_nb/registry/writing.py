"""A version written out: all that is needed to use it, without the notebook and without mlops_nb."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import ModelVersion

_MODEL, _SAMPLE, _REQUIREMENTS = "model.skops", "sample_input.parquet", "requirements.txt"
# Making predictions needs none of them, and an index may not have the very version.
_OURS = frozenset({"mlops-nb", "mlops_nb"})


def write_version(
    version: ModelVersion, artifacts: ArtifactStore, folder: Path, more: Mapping[str, bytes] | None = None
) -> tuple[Path, ...]:
    """Write all that is needed to use a version, without the notebook and without mlops_nb, into a new folder.

    The model (skops, or the pickle that it is) and its sample input (Parquet), `signature.json`, `metrics.json`,
    `version.json` with where it comes from, `requirements.txt` with the packages of the run that made it, and a
    `README.md` that says how to load it; and what `more` has, by file name: the model card and its figures. The folder
    appears whole or not at all.

    Raises
    ------
    UsageError
        When something of that name is there already.
    ArtifactMissing, CorruptArtifact
        When the store does not have the content, or has something else.
    """
    if folder.exists():
        message = f"{folder} is there already."
        raise UsageError(message, hint="Name a new folder: nothing is overwritten.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    model = artifacts.get(version.artifact)
    file = _MODEL if version.format == "skops" else "model.pkl"
    told = {name: value for name, value in asdict(version).items() if name not in {"signature", "metrics"}}
    files: dict[str, bytes] = {
        file: model,
        "signature.json": _json(version.signature),
        "metrics.json": _json(version.metrics),
        "version.json": _json(told),
        _REQUIREMENTS: _requirements(version).encode(),
        "README.md": _how_to_load(version, model).encode(),
        **(more or {}),
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


def _how_to_load(version: ModelVersion, model: bytes) -> str:
    from mlops_nb.artifacts import audit

    caution = (
        "Loading runs code of the types that `trusted` names: look at the list before you load a file from somebody"
    )
    if version.format == "skops":
        found = audit(model)
        trusted = sorted({*found.granted, *found.untrusted})
        named = "".join(f"\n    {name!r}," for name in trusted)
        lines = ["import skops.io", "", f"trusted = [{named}\n]" if trusted else "trusted = []"]
        lines.append(f'model = skops.io.load("{_MODEL}", trusted=trusted)')
    else:
        caution = (
            "The model is a pickle. Loading one runs whatever its writer put into it: do not load one from somebody"
        )
        lines = ["import pickle", "", 'with open("model.pkl", "rb") as file:', "    model = pickle.load(file)"]
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

{caution}
you do not trust.
"""
