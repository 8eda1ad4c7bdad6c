from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from mlops_nb.metadata import MetadataStore, Origin, PipelineVersion, PlannedStep, RunStart

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from tests.postgresql import Server


class StartRun(Protocol):
    def __call__(
        self, run: str, steps: str = "load train", *, pipeline: str = "taxi", started: datetime | None = None
    ) -> str: ...


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'log' / 'metadata.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty store, in each database."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("sqlite_url"))
    server: Server = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
def store(url: str) -> Iterator[MetadataStore]:
    with MetadataStore.open(url) as opened:
        yield opened


@pytest.fixture
def start_run(store: MetadataStore) -> StartRun:
    def start(run: str, steps: str = "load train", *, pipeline: str = "taxi", started: datetime | None = None) -> str:
        plan = tuple(PlannedStep(name, f"version-of-{name}") for name in steps.split())
        version = PipelineVersion(pipeline, "v1", {"edges": []})
        return store.start_run(RunStart(run, version, f"{pipeline}.ipynb", Origin("cli"), plan, started=started))

    return start
