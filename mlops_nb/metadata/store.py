"""The store: one object to write the log, read it, plan from it, follow lineage and keep model versions."""

from __future__ import annotations

from mlops_nb.metadata.adoption import Adoption
from mlops_nb.metadata.decision_log import DecisionLog
from mlops_nb.metadata.history import History
from mlops_nb.metadata.lineage import Lineage
from mlops_nb.metadata.model_log import ModelLog
from mlops_nb.metadata.overview import Overview
from mlops_nb.metadata.precedents import Precedents
from mlops_nb.metadata.search import Search
from mlops_nb.metadata.tracing import Tracing
from mlops_nb.metadata.upkeep import Upkeep


class MetadataStore(DecisionLog, History, Search, Overview, Precedents, Lineage, Tracing, ModelLog, Upkeep, Adoption):
    """The metadata log, open. `MetadataStore.open(url)` gives one; use it as a context manager or `close()` it."""
