"""What a search gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_nb.metadata.records import Run


@dataclass(frozen=True)
class FoundRun:
    """A run that a search found, with the metrics and parameters that the search names, by the name it gives them."""

    run: Run
    values: Mapping[str, Any] = field(hash=False)
