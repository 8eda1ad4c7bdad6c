"""The comparison in a cell: a table, charts and a promote button in the browser, this object in the kernel.

The browser draws from three synced values and needs nothing else, so that a notebook which was saved with its widgets
still sorts, filters and draws when its kernel is gone. What only the kernel knows is asked for by messages:

    {"type": "propose", "model", "version", "alias"}   → {"type": "proposal", …} or {"type": "error", …}
    {"type": "promote", "why"}                         → {"type": "promoted", …} or {"type": "error", …}

A promotion does what the last proposal said, and takes nothing but the reason from the browser.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from mlops_nb.errors import MlopsNbError, UsageError
from mlops_nb.project import find_project
from mlops_nb.registry import CHAMPION, Proposal, Registry
from mlops_nb.widgets.board import METRIC, board_of
from mlops_nb.widgets.choosing import Choice, choose
from mlops_nb.widgets.details import details_of
from mlops_nb.widgets.fallback import as_html, as_text
from mlops_nb.widgets.sources import script, style

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from mlops_nb.metadata import ModelVersion, Run, RunRecord
    from mlops_nb.project import Project
    from mlops_nb.widgets.measures import Direction

# As many as there are colours that can be told apart.
MOST_SELECTED = 8
# Of so few items all details are read at once; of more, those of the selected.
_FEW = 12
_FIRST = 4
_SCRIPTS = ("dom.js", "scales.js", "values.js", "table.js", "lines.js", "panels.js", "parallel.js", "promote.js")
_WIDGET = "application/vnd.jupyter.widget-view+json"


class ComparisonTable(anywidget.AnyWidget):
    """Runs or model versions side by side; `mlops_nb.compare` makes one.

    Parameters
    ----------
    project
        Where their record and artifacts are.
    choice
        What is compared.
    directions
        Which value of a metric is better, where its name does not tell.
    against
        The id that differences are shown against; empty for none.
    """

    _esm = script(*_SCRIPTS, "comparison.js")
    _css = style("widgets.css")

    board = traitlets.Dict().tag(sync=True)
    details = traitlets.Dict().tag(sync=True)
    selected = traitlets.List(traitlets.Unicode()).tag(sync=True)
    against = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        project: Project,
        choice: Choice,
        *,
        directions: Mapping[str, Direction | None] | None = None,
        against: str | None = None,
    ) -> None:
        self._project = project
        self._choice = choice
        self._directions = dict(directions or {})
        self._proposal: Proposal | None = None
        with project.log() as log:
            self._chosen = choose(log, choice)
            board = board_of(self._chosen, Registry(log).models(), self._directions)
        ids = [item.id for item in self._chosen.items]
        super().__init__(
            board=board, selected=_first_selected(board), against=_against(board, against, ids), details={}
        )
        self._read_details(ids if len(ids) <= _FEW else self.selected)
        self.observe(self._on_selected, names="selected")
        self.on_msg(self._on_message)

    def frame(self) -> pd.DataFrame:
        """Return the table as a frame: a row an item by its id, parameters as `params.NAME`, metrics by their name."""
        import pandas as pd

        columns = {}
        for column in self.board["columns"]:
            name = f"params.{column['label']}" if column["group"] == "parameter" else column["label"]
            columns[name] = self.board["values"][column["key"]]
        first = self.board["columns"][0]["label"]
        return pd.DataFrame(columns).set_index(first)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the widget, and for viewers without one the table as HTML and as text."""
        widget = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        html, text = (write(self.board, self.details) for write in (as_html, as_text))
        return {"text/plain": text, "text/html": html, _WIDGET: widget}, {}

    def _on_selected(self, change: Mapping[str, Any]) -> None:
        self._read_details(change["new"])

    def _read_details(self, ids: Sequence[str]) -> None:
        items = {item.id: item for item in self._chosen.items}
        wanted = [key for key in ids if key in items and key not in self.details]
        if not wanted:
            return
        store = self._project.artifact_store()
        with self._project.log() as log:
            self.details = {**self.details, **{key: details_of(items[key], log, store) for key in wanted}}

    def _on_message(self, _: object, content: Any, buffers: object) -> None:
        del buffers
        try:
            self.send(self._answer(content if isinstance(content, dict) else {}))
        except MlopsNbError as error:
            self.send({"type": "error", "message": error.message, "hint": error.hint})

    def _answer(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        kind = asked.get("type")
        with self._project.log() as log:
            registry = Registry(log)
            if kind == "propose":
                self._proposal = None
                version = asked.get("version")
                if not isinstance(version, int):
                    message = f"`{version}` is no version."
                    raise UsageError(message, hint="A version is a number.")
                alias = str(asked.get("alias") or CHAMPION)
                self._proposal = registry.propose(str(asked.get("model")), str(version), alias)
                return {"type": "proposal", **self._proposal.to_json()}
            if kind == "promote" and self._proposal is not None:
                proposal, self._proposal = self._proposal, None
                try:
                    moves = registry.carry_out(proposal, str(asked.get("why") or ""))
                finally:
                    self.board = {
                        **self.board,
                        "aliases": {known.name: dict(known.aliases) for known in registry.models()},
                    }
                return {"type": "promoted", "model": proposal.model, "moves": [[m.alias, m.version] for m in moves]}
        message = "Nothing was proposed that could be carried out."
        raise UsageError(message, hint="Choose a version and an alias again.")


def compare(  # noqa: PLR0913 - what a person may say of a comparison
    *what: str | Run | RunRecord | ModelVersion,
    pipeline: str | None = None,
    where: str = "",
    model: str | None = None,
    directions: Mapping[str, Direction | None] | None = None,
    against: str | None = None,
    limit: int = 1000,
    project: Path | str | Project = ".",
) -> ComparisonTable:
    """Return runs or model versions side by side, as a table with charts that a cell shows.

    Parameters
    ----------
    *what
        Runs by id, its beginning or `last`, or model versions as `MODEL@3` or `MODEL@champion`; or the records
        themselves. Without any, the runs of the pipeline that ran last.
    pipeline, where
        Instead: the runs of a pipeline, and those that meet a condition as `mlops-nb runs --where` takes it.
    model
        Instead: all versions of a model.
    directions
        Which value of a metric is better, `max`, `min` or None for neither; where nothing is said, its name tells.
    against
        The run or version that differences of metrics are shown against. Of model versions the champion, unless told.
    limit
        How many runs or versions at most, the newest.
    project
        A folder of the project, or the project.

    Raises
    ------
    UsageError
        When nothing answers the question, or it contradicts itself.
    UnknownRecord
        When there is no such run, model or version, with the nearest.
    """
    place = find_project(Path(project)) if isinstance(project, str | Path) else project
    if not place.has_log:
        message = f"The project {place.root} has no runs yet."
        raise UsageError(message, hint="Start one: mlops-nb run NOTEBOOK")
    names = tuple(_name(each) for each in what)
    choice = Choice(names, pipeline, where, model, limit)
    return ComparisonTable(place, choice, directions=directions, against=against)


def _name(given: Any) -> str:
    from mlops_nb.metadata import ModelVersion, Run, RunRecord

    if isinstance(given, RunRecord):
        return given.run.id
    if isinstance(given, Run):
        return given.id
    if isinstance(given, ModelVersion):
        return f"{given.model}@{given.version}"
    if isinstance(given, str):
        return given
    message = f"A `{type(given).__name__}` names neither a run nor a model version."
    raise UsageError(message, hint="Give a run's id, `last`, or MODEL@NUMBER.")


def _first_selected(board: Mapping[str, Any]) -> list[str]:
    """Return what is selected at first: the best by the first metric that has a direction, champions before them."""
    ids = [item["id"] for item in board["items"]]
    champions = [
        item["id"]
        for item in board["items"]
        if board["kind"] == "versions"
        and any(board["aliases"].get(model, {}).get(CHAMPION) == version for model, version in item["models"])
    ]
    metric = next((column for column in board["columns"] if column.get("direction")), None)
    ranked = ids
    if metric is not None:
        sign = -1 if metric["direction"] == "max" else 1
        pairs = [(sign * value, at) for at, value in enumerate(board["values"][metric["key"]]) if value is not None]
        ranked = [ids[at] for _, at in sorted(pairs)]
    return list(dict.fromkeys([*champions, *ranked]))[:_FIRST]


def _against(board: Mapping[str, Any], named: str | None, ids: Sequence[str]) -> str:
    if named is None:
        if board["kind"] != "versions" or len(ids) < 2:  # noqa: PLR2004 - one has nothing to differ from
            return ""
        return next(
            (
                item["id"]
                for item in board["items"]
                for model, version in item["models"]
                if board["aliases"].get(model, {}).get(CHAMPION) == version
            ),
            "",
        )
    by_alias = {
        f"{model}@{alias}": f"{model}@{version}"
        for model, aliases in board["aliases"].items()
        for alias, version in aliases.items()
    }
    wanted = by_alias.get(named, named)
    found = [key for key in ids if key == wanted] or [key for key in ids if named and key.startswith(named)]
    if len(found) != 1:
        message = f"`{named}` is {'none' if not found else 'several'} of what is compared."
        raise UsageError(message, hint="Give the id of one of them.")
    return found[0]


__all__ = ["METRIC", "MOST_SELECTED", "ComparisonTable", "compare"]
