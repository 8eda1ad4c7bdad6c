"""The schemas of a pipeline's datasets as files: `pipelines/NAME/schemas/`, reviewed and committed.

Of each schema there are up to four files:

- `rides.yaml`: the approved one, all its approvals in its head;
- `rides.statistics.json`: what new tables are compared with, of the table that it was approved for;
- `rides.proposed.yaml`, `rides.proposed.statistics.json`: what a run or a person proposes; approving it moves it up.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError
from mlops_nb.validation import parse_schema

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.steps.step import Step
    from mlops_nb.validation import TableSchema

FOLDER = "schemas"


@dataclass(frozen=True)
class SchemaFiles:
    """The files of one schema; none need be there."""

    folder: Path
    name: str

    @property
    def approved(self) -> Path:
        """The approved schema, or what somebody has made of it since."""
        return self.folder / f"{self.name}.yaml"

    @property
    def statistics(self) -> Path:
        """What new tables are compared with."""
        return self.folder / f"{self.name}.statistics.json"

    @property
    def proposed(self) -> Path:
        """The proposal."""
        return self.folder / f"{self.name}.proposed.yaml"

    @property
    def proposed_statistics(self) -> Path:
        """The statistics that go with the proposal."""
        return self.folder / f"{self.name}.proposed.statistics.json"

    def read(self) -> TableSchema | None:
        """Return the schema that stands in the file of the approved one; None without a file.

        Raises
        ------
        SchemaError
            When the file says something that cannot be.
        """
        return self._read(self.approved)

    def read_proposed(self) -> TableSchema | None:
        """Return the proposal, None without one."""
        return self._read(self.proposed)

    def _read(self, path: Path) -> TableSchema | None:
        text = text_of(path)
        return None if text is None else parse_schema(text, str(path))

    def unapproved(self, schema: TableSchema) -> str:
        """Return what of the files is not as it was approved, as a sentence; empty where all is."""
        if not schema.approved:
            since = (
                f"has been changed since version {schema.version} was approved" if schema.version else "is a proposal"
            )
            return f"The schema {self.approved} {since}."
        reference = schema.reference
        if reference is not None and digest_of(self.statistics) not in {reference.statistics, ""}:
            return f"{self.statistics} is not what was approved with version {schema.version}."
        return ""


def text_of(path: Path) -> str | None:
    """Return the text of a file; None where there is none.

    Raises
    ------
    UsageError
        When it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path} cannot be read: {getattr(error, 'strerror', None) or error}."
        raise UsageError(message, hint="Mend the file or its rights.") from error


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, as the artifact store names content; empty where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def schema_part(step: Step, folder: Path | None) -> dict[str, Any]:
    """Return what a step's key says of the schemas that judge its datasets; nothing for a step that has none."""
    gates = {output.gate.name for output in step.settings.outputs if output.gate is not None}
    if not gates:
        return {}
    return {"schemas": {name: _content(folder, name) for name in sorted(gates)}}


def _content(folder: Path | None, name: str) -> str:
    schema = SchemaFiles(folder, name).read() if folder is not None else None
    return "none" if schema is None else schema.content


def put_gates(step: Step, folder: Path | None, store: ArtifactStore) -> dict[str, Mapping[str, str]]:
    """Put what a step's datasets are judged by into the store, where its kernel finds it; return the digests.

    Returns
    -------
    By output: `schema` and of the reference `statistics` and `data`, each empty where there is none.
    """
    found: dict[str, Mapping[str, str]] = {}
    for output in step.settings.outputs:
        if output.gate is None:
            continue
        gate = {"schema": "", "statistics": "", "data": ""}
        files = SchemaFiles(folder, output.gate.name) if folder is not None else None
        schema = files.read() if files is not None else None
        if files is not None and schema is not None:
            gate["schema"] = store.put((text_of(files.approved) or "").encode())[0]
            statistics = text_of(files.statistics)
            if schema.reference is not None and statistics is not None:
                gate |= {"statistics": store.put(statistics.encode())[0], "data": schema.reference.data}
        found[output.name] = gate
    return found
