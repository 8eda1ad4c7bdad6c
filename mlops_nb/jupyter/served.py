"""What a server serves: projects and notebooks below its root, read anew for each request."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError
from mlops_nb.lifecycle import Pipeline, Stores, read, stores
from mlops_nb.metadata import UnknownRecord
from mlops_nb.notebook import parse_notebook
from mlops_nb.project import Project, find_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_nb.jupyter.paths import Root
    from mlops_nb.metadata import MetadataStore


@dataclass
class Served:
    """The root of a server, and a place for the stores of projects that have none yet: looking makes no folder."""

    root: Root
    empty: tempfile.TemporaryDirectory[str] = field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="mlops_nb-jupyter-", ignore_cleanup_errors=True)
    )

    def project(self, path: str | None) -> Project:
        """Return the project of a notebook or folder; of the server's root when no path is given."""
        return find_project(self.root.there(path or ""))

    def notebook(self, path: str) -> Path:
        """Return the file of a notebook, which must be there."""
        place = self.root.there(path)
        if place.suffix != ".ipynb" or not place.is_file():
            message = f"`{path}` is no notebook."
            raise UsageError(message, hint="Name a file that ends in `.ipynb`.")
        return place

    def pipeline(self, path: str, content: Mapping[str, Any] | None = None) -> Pipeline:
        """Return a notebook read as a pipeline: the file, or what an editor holds and has not saved."""
        if content is None:
            return read(self.notebook(path))
        place = self.root.place(path)
        return read(parse_notebook(json.dumps(content), place))

    @contextmanager
    def stores(self, pipeline: Pipeline) -> Iterator[Stores]:
        """Open a pipeline's stores for reading; a project that never ran gets no folder for it."""
        if not pipeline.project.has_log:
            apart = pipeline.project.apart(Path(self.empty.name))
            pipeline = Pipeline(apart, pipeline.graph, pipeline.configured)
        with stores(pipeline) as opened:
            yield opened

    @contextmanager
    def log(self, project: Project) -> Iterator[MetadataStore]:
        """Open a project's record.

        Raises
        ------
        UnknownRecord
            When nothing ever ran in it.
        """
        if not project.has_log:
            message = "Nothing has run in this project yet."
            raise UnknownRecord(message, hint="Run a notebook first.")
        with project.log() as log:
            yield log

    def run_id(self, log: MetadataStore, name: str) -> str:
        """Return the whole id of a run that is told by its id, the beginning of one, or `last`."""
        return log.run_asked_for(name).run.id
