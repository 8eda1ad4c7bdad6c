from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlops_nb.artifacts import Holdings
from mlops_nb.metadata import MetadataStore
from tests.execution.recorded_runs import Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgresql import Server


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Return the empty stores of a project, with the record in each database."""
    url = f"sqlite:///{tmp_path / 'metadata.db'}"
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgresql")
        url = server.new_database()
    (tmp_path / "runs").mkdir()
    with MetadataStore.open(url) as log:
        yield Place(log, Holdings(tmp_path / "artifacts"), tmp_path / "runs")
