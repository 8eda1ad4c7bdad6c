"""A package of steps as a wheel (PEP 427), written without a build: the same steps give the same bytes.

It holds a module with nothing but `components.json`, and an entry point in the group `mlops_nb.steps` that names it.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_nb.errors import UsageError
from mlops_nb.reuse.installed import FILE, GROUP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mlops_nb.reuse.component import Component

# PyPA's name format.
_NAME = re.compile(r"[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?", re.IGNORECASE)
# The first moment that a zip file can tell; any fixed one would do.
_WHEN = (1980, 1, 1, 0, 0, 0)
_METADATA = "2.1"


class NotPackaged(UsageError):  # noqa: N818 - the name of the fact
    """Steps cannot be packaged as asked."""

    code = "not-packaged"


@dataclass(frozen=True)
class Package:
    """What a wheel is to hold; `requires` are requirements (PEP 508), `python` is the lowest version of it."""

    name: str
    version: str
    steps: Sequence[Component]
    requires: Sequence[str]
    python: str

    def __post_init__(self) -> None:
        from packaging.version import InvalidVersion, Version

        if not _NAME.fullmatch(self.name) or not self.module.isidentifier():
            message = f"{self.name!r} cannot be a package's name."
            raise NotPackaged(message, hint="A letter, then letters, digits, `-`, `_` or `.`, such as `rides-steps`.")
        try:
            Version(self.version)
        except InvalidVersion as error:
            message = f"{self.version!r} cannot be a version."
            raise NotPackaged(message, hint="Write it as 1.2.0.") from error

    @property
    def module(self) -> str:
        """The name of its module, and of its files."""
        return re.sub(r"[-_.]+", "_", self.name).lower()

    @property
    def normal_version(self) -> str:
        """The version in its normal form."""
        from packaging.version import Version

        return str(Version(self.version))

    @property
    def file(self) -> str:
        """The wheel's file name."""
        return f"{self.module}-{self.normal_version}-py3-none-any.whl"


def write_wheel(package: Package, folder: Path) -> Path:
    """Write a wheel into a folder, whole or not at all, and return its path.

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    files = _files(package)
    info = f"{package.module}-{package.normal_version}.dist-info"
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _WHEN)
            # Stored: how zlib compresses depends on its version.
            entry.compress_type = zipfile.ZIP_STORED
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / package.file
    aside = folder / f".{package.file}.part"
    aside.write_bytes(out.getvalue())
    aside.replace(place)
    return place


def _files(package: Package) -> dict[str, bytes]:
    held = json.dumps({"steps": [step.as_dict() for step in package.steps]}, indent=1, sort_keys=True) + "\n"
    names = ", ".join(step.name for step in package.steps)
    info = f"{package.module}-{package.normal_version}.dist-info"
    metadata = [
        f"Metadata-Version: {_METADATA}",
        f"Name: {package.name}",
        f"Version: {package.normal_version}",
        f"Summary: Steps of notebooks: {names}",
        f"Requires-Python: >={package.python}",
        *(f"Requires-Dist: {requirement}" for requirement in package.requires),
        "Description-Content-Type: text/markdown",
        "",
        _described(package),
    ]
    wheel = ["Wheel-Version: 1.0", "Generator: mlops_nb", "Root-Is-Purelib: true", "Tag: py3-none-any", ""]
    entry = [f"[{GROUP}]", f"{package.name} = {package.module}", ""]
    texts = {
        f"{package.module}/__init__.py": f'"""Steps of notebooks: {names}. `mlops_nb.step` calls them."""\n',
        f"{package.module}/{FILE}": held,
        f"{info}/METADATA": "\n".join(metadata),
        f"{info}/WHEEL": "\n".join(wheel),
        f"{info}/entry_points.txt": "\n".join(entry),
    }
    return {name: text.encode() for name, text in texts.items()}


def _described(package: Package) -> str:
    lines = []
    for step in package.steps:
        takes = [*map(str, step.inputs), *(f"{item.name}: {item.type}" for item in step.parameters)]
        lines += [f"## {step.name}", "", *([step.doc, ""] if step.doc else [])]
        lines += [f"Takes {', '.join(takes) or 'nothing'}; gives {', '.join(map(str, step.outputs)) or 'nothing'}.", ""]
        lines += ["```python", f'mlops_nb.step("{package.name}", "{step.name}")', "```", ""]
    return "\n".join(lines)


def _record(files: Mapping[str, bytes], own: str) -> bytes:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.writerow([name, f"sha256={digest}", len(content)])
    rows.writerow([own, "", ""])
    return out.getvalue().encode()
