"""The tables of the log, as the newest revision has them; `migrations/` is how an older store gets there.

`run` and `step_run` hold the current status beside its history in `execution_event`. Every other table only grows,
and the database itself refuses to change or remove its rows (revision 0002).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

from mlops_nb.metadata.columns import Json, Prose, RowId, UtcTime

REVISION_TABLE = "mlops_nb_revision"
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
HEAD = REVISIONS[-1]

_WITHDRAWN = text("status = 'withdrawn'")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

pipeline_version = Table(
    "pipeline_version",
    metadata,
    Column("name", String, primary_key=True),
    Column("hash", String, primary_key=True),
    Column("dag", Json, nullable=False),
    Column("created", UtcTime, nullable=False),
)

environment = Table(
    "environment",
    metadata,
    Column("hash", String, primary_key=True),
    Column("content", Json, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("id", String, primary_key=True),
    Column("pipeline", String, nullable=False),
    Column("version", String, nullable=False),
    Column("notebook", Prose, nullable=False),
    Column("status", String, nullable=False),
    Column("started", UtcTime, nullable=False),
    Column("finished", UtcTime),
    Column("who_user", Prose, nullable=False),
    Column("who_host", Prose, nullable=False),
    Column("who_pid", BigInteger, nullable=False),
    Column("who_process", Prose, nullable=False),
    Column("origin_kind", String, nullable=False),
    Column("origin_detail", Prose, nullable=False),
    Column("executor", Prose, nullable=False),
    Column("git_commit", String),
    Column("git_dirty", Boolean),
    Column("git_diff_hash", String),
    Column("environment", ForeignKey("environment.hash"), nullable=False),
    Column("why", Prose, nullable=False),
    Column("reason", Prose, nullable=False),
    ForeignKeyConstraint(["pipeline", "version"], ["pipeline_version.name", "pipeline_version.hash"]),
    # One index for each way to filter a page, so that its cost is the page's and not the history's.
    Index(None, "started", "id"),
    Index(None, "pipeline", "started", "id"),
    Index(None, "status", "started", "id"),
    Index(None, "pipeline", "status", "started", "id"),
)

step_run = Table(
    "step_run",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("run", ForeignKey("run.id"), nullable=False),
    Column("pipeline", String, nullable=False),
    Column("step", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("version", String, nullable=False),
    Column("status", String, nullable=False),
    Column("key", String, nullable=False),
    Column("key_components", Json, nullable=False),
    Column("outcome", Json, nullable=False),
    Column("started", UtcTime),
    Column("finished", UtcTime),
    Column("seconds", Float(53)),
    Column("notebook", Prose, nullable=False),
    Column("error", Json),
    Column("reason", Prose, nullable=False),
    Column("cached_from", ForeignKey("step_run.id")),
    UniqueConstraint("run", "step", "attempt"),
    Index(None, "cached_from"),
    # What a search leaves out: few are ever withdrawn.
    Index("ix_step_run_withdrawn", "status", "id", sqlite_where=_WITHDRAWN, postgresql_where=_WITHDRAWN),
    # The newest of a step and status is one seek, and so is the newest success with a key.
    Index(None, "pipeline", "step", "status", "id"),
    Index(None, "pipeline", "status", "key", "step", "id"),
)

execution_event = Table(
    "execution_event",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("run", ForeignKey("run.id"), nullable=False),
    Column("step", String),
    Column("status", String, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("who", Prose, nullable=False),
    Column("why", Prose, nullable=False),
    Index(None, "run", "id"),
)

parameter = Table(
    "parameter",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("run", ForeignKey("run.id"), nullable=False),
    Column("step", String),
    Column("name", String, nullable=False),
    Column("type", String, nullable=False),
    Column("value", Json),
    Column("source", String, nullable=False),
    Column("secret", Boolean, nullable=False),
    Index(None, "run", "id"),
    Index(None, "name", "run"),
)

scrap = Table(
    "scrap",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("step_run", ForeignKey("step_run.id"), nullable=False),
    Column("name", Prose, nullable=False),
    Column("value", Json),
    Column("kind", String, nullable=False),
    Index(None, "step_run", "id"),
)

metric = Table(
    "metric",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("step_run", ForeignKey("step_run.id"), nullable=False),
    Column("pipeline", String, nullable=False),
    Column("name", Prose, nullable=False),
    Column("value", Float(53), nullable=False),
    # Of its step run, and here too: a search by a metric is then answered from an index alone.
    Column("run", String),
    Index(None, "pipeline", "name", "value", "id"),
    Index(None, "name", "value", "run", "step_run"),
    Index(None, "step_run", "name"),
)

artifact = Table(
    "artifact",
    metadata,
    Column("hash", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("uri", Prose, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("media_type", String, nullable=False),
    Column("rows", BigInteger),
    Column("created", UtcTime, nullable=False),
)

event = Table(
    "event",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("run", ForeignKey("run.id"), nullable=False),
    Column("step_run", ForeignKey("step_run.id")),
    Column("artifact", ForeignKey("artifact.hash"), nullable=False),
    Column("direction", String, nullable=False),
    Column("name", Prose, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index(None, "run", "id"),
    Index(None, "step_run"),
    # With the direction: of data that every run reads, who made it is one seek.
    Index(None, "artifact", "direction", "step_run"),
)

model = Table(
    "model",
    metadata,
    Column("name", String, primary_key=True),
    Column("created", UtcTime, nullable=False),
)

model_version = Table(
    "model_version",
    metadata,
    Column("model", ForeignKey("model.name"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", String, nullable=False),
    Column("artifact", ForeignKey("artifact.hash"), nullable=False),
    Column("format", String, nullable=False),
    Column("metrics", Json, nullable=False),
    Column("signature", Json, nullable=False),
    Column("sample_input", ForeignKey("artifact.hash")),
    Column("environment", ForeignKey("environment.hash"), nullable=False),
    Column("run", ForeignKey("run.id")),
    Column("step", String),
    Column("created", UtcTime, nullable=False),
    Column("who", Prose, nullable=False),
    UniqueConstraint("model", "digest"),
    Index(None, "run"),
    Index(None, "artifact"),
)

model_reproduction = Table(
    "model_reproduction",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("model", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("run", ForeignKey("run.id")),
    Column("step", String),
    Column("metrics", Json, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("who", Prose, nullable=False),
    ForeignKeyConstraint(["model", "version"], ["model_version.model", "model_version.version"]),
    Index(None, "model", "version", "id"),
    Index(None, "run"),
)

alias_move = Table(
    "alias_move",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("model", ForeignKey("model.name"), nullable=False),
    Column("alias", String, nullable=False),
    Column("version", Integer),
    Column("replaced", Integer),
    Column("at", UtcTime, nullable=False),
    Column("who", Prose, nullable=False),
    Column("why", Prose, nullable=False),
    # The ids of the verdicts that it stood on; null before there were any.
    Column("verdicts", Json),
    ForeignKeyConstraint(["model", "version"], ["model_version.model", "model_version.version"]),
    Index(None, "model", "alias", "id"),
)

verdict = Table(
    "verdict",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("run", ForeignKey("run.id", name="fk_verdict_run_run")),
    Column("step_run", ForeignKey("step_run.id", name="fk_verdict_step_run_step_run")),
    Column("model", String),
    Column("version", Integer),
    Column("judge", String, nullable=False),
    Column("subject", Prose, nullable=False),
    Column("decision", String, nullable=False),
    Column("content", Json, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("who", Prose, nullable=False),
    ForeignKeyConstraint(
        ["model", "version"],
        ["model_version.model", "model_version.version"],
        name="fk_verdict_model_version_model_version",
    ),
    Index(None, "run", "id"),
    Index(None, "model", "version", "id"),
)
