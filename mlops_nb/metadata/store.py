"""The store: one object to write the log, read it, plan from it, follow lineage and keep model versions."""

from __future__ import annotations

from mlops_nb.metadata.history import History
from mlops_nb.metadata.lineage import Lineage
from mlops_nb.metadata.model_log import ModelLog
from mlops_nb.metadata.precedents import Precedents
from mlops_nb.metadata.run_log import RunLog


class MetadataStore(RunLog, History, Precedents, Lineage, ModelLog):
    """The metadata log, open. `MetadataStore.open(url)` gives one; use it as a context manager or `close()` it."""
