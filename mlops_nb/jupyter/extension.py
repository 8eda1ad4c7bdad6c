"""The extension is loaded into a Jupyter server: its routes, its events, and what they share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.utils import url_path_join

from mlops_nb.jupyter.content_routes import ArtifactRoute, CompareRoute, OpenRoute, ReportRoute, StepNotebookRoute
from mlops_nb.jupyter.contract import pattern
from mlops_nb.jupyter.following import Follower, event_schemas
from mlops_nb.jupyter.handler import SETTING
from mlops_nb.jupyter.job_routes import JobRoute, JobStopRoute, VerifyRoute
from mlops_nb.jupyter.jobs import Jobs
from mlops_nb.jupyter.model_routes import AliasesRoute, ModelRoute, ModelsRoute, RollbackRoute
from mlops_nb.jupyter.notebook_routes import CompileRoute, DocumentRoute, PlanRoute, SettingsSchemaRoute, SuggestRoute
from mlops_nb.jupyter.paths import Root
from mlops_nb.jupyter.probe_routes import ProbeRoute
from mlops_nb.jupyter.run_routes import (
    DecisionRoute,
    LogRoute,
    ResumeRoute,
    RunEventsRoute,
    RunRoute,
    RunsRoute,
    StopRoute,
)
from mlops_nb.jupyter.served import Served

if TYPE_CHECKING:
    from mlops_nb.jupyter.handler import Handler

BASE = "mlops-nb/api"
ROUTES: tuple[type[Handler], ...] = (
    *(DocumentRoute, SettingsSchemaRoute, PlanRoute, SuggestRoute, CompileRoute, ProbeRoute),
    *(RunsRoute, RunRoute, RunEventsRoute, StopRoute, ResumeRoute, DecisionRoute, LogRoute),
    *(StepNotebookRoute, ReportRoute, ArtifactRoute, OpenRoute, CompareRoute),
    *(VerifyRoute, JobRoute, JobStopRoute),
    *(ModelsRoute, ModelRoute, AliasesRoute, RollbackRoute),
)


def load(serverapp: Any) -> None:
    """Load the extension into a server."""
    contents = serverapp.contents_manager
    # A contents manager that keeps its notebooks elsewhere has no folder; then only files of the server are known.
    folder = Path(getattr(contents, "root_dir", "") or serverapp.root_dir).absolute()
    root = Root(folder, bool(getattr(contents, "allow_hidden", False)))
    for schema in event_schemas():
        serverapp.event_logger.register_event_schema(schema)

    def emit(schema: str, data: dict[str, Any]) -> None:
        serverapp.event_logger.emit(schema_id=schema, data=data)

    jobs = Jobs()
    follower = Follower(root, jobs, emit, serverapp.log.warning)
    serverapp.web_app.settings[SETTING] = {"served": Served(root), "jobs": jobs, "follower": follower}
    base = re.escape(url_path_join(serverapp.base_url, BASE))
    serverapp.web_app.add_handlers(".*$", [(base + pattern(route.route), route) for route in ROUTES])
    serverapp.log.info("mlops_nb serves %s below %s", folder, url_path_join(serverapp.base_url, BASE))
