"""The log as it began: runs and steps, what hangs on them, artifacts and events, models and aliases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "artifact",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("rows", sa.BigInteger()),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_artifact"),
    )
    op.create_table(
        "environment",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_environment"),
    )
    op.create_table(
        "model",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_model"),
    )
    op.create_table(
        "pipeline_version",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("dag", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "hash", name="pk_pipeline_version"),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("pipeline", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("notebook", sa.Text(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("finished", sa.BigInteger()),
        sa.Column("who_user", sa.Text(), nullable=False),
        sa.Column("who_host", sa.Text(), nullable=False),
        sa.Column("who_pid", sa.BigInteger(), nullable=False),
        sa.Column("who_process", sa.Text(), nullable=False),
        sa.Column("origin_kind", sa.String(), nullable=False),
        sa.Column("origin_detail", sa.Text(), nullable=False),
        sa.Column("executor", sa.Text(), nullable=False),
        sa.Column("git_commit", sa.String()),
        sa.Column("git_dirty", sa.Boolean()),
        sa.Column("git_diff_hash", sa.String()),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["environment"], ["environment.hash"], name="fk_run_environment"),
        sa.ForeignKeyConstraint(
            ["pipeline", "version"], ["pipeline_version.name", "pipeline_version.hash"], name="fk_run_pipeline_version"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
    )
    op.create_index("ix_run_pipeline_started_id", "run", ["pipeline", "started", "id"])
    op.create_index("ix_run_pipeline_status_started_id", "run", ["pipeline", "status", "started", "id"])
    op.create_index("ix_run_started_id", "run", ["started", "id"])
    op.create_index("ix_run_status_started_id", "run", ["status", "started", "id"])
    op.create_table(
        "execution_event",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("step", sa.String()),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_execution_event_run"),
        sa.PrimaryKeyConstraint("id", name="pk_execution_event"),
    )
    op.create_index("ix_execution_event_run_id", "execution_event", ["run", "id"])
    op.create_table(
        "model_version",
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("artifact", sa.String(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("metrics", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("sample_input", sa.String()),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("run", sa.String()),
        sa.Column("step", sa.String()),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["artifact"], ["artifact.hash"], name="fk_model_version_artifact"),
        sa.ForeignKeyConstraint(["environment"], ["environment.hash"], name="fk_model_version_environment"),
        sa.ForeignKeyConstraint(["model"], ["model.name"], name="fk_model_version_model"),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_model_version_run"),
        sa.ForeignKeyConstraint(["sample_input"], ["artifact.hash"], name="fk_model_version_sample_input"),
        sa.PrimaryKeyConstraint("model", "version", name="pk_model_version"),
        sa.UniqueConstraint("model", "digest", name="uq_model_version_model_digest"),
    )
    op.create_index("ix_model_version_run", "model_version", ["run"])
    op.create_table(
        "parameter",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("step", sa.String()),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("value", sa.Text()),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("secret", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_parameter_run"),
        sa.PrimaryKeyConstraint("id", name="pk_parameter"),
    )
    op.create_index("ix_parameter_run_id", "parameter", ["run", "id"])
    op.create_table(
        "step_run",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("pipeline", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("key_components", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("started", sa.BigInteger()),
        sa.Column("finished", sa.BigInteger()),
        sa.Column("seconds", sa.Float(precision=53)),
        sa.Column("notebook", sa.Text(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cached_from", _ROW_ID),
        sa.ForeignKeyConstraint(["cached_from"], ["step_run.id"], name="fk_step_run_cached_from"),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_step_run_run"),
        sa.PrimaryKeyConstraint("id", name="pk_step_run"),
        sa.UniqueConstraint("run", "step", "attempt", name="uq_step_run_run_step_attempt"),
    )
    op.create_index("ix_step_run_pipeline_status_key_step_id", "step_run", ["pipeline", "status", "key", "step", "id"])
    op.create_index("ix_step_run_pipeline_step_status_id", "step_run", ["pipeline", "step", "status", "id"])
    op.create_table(
        "alias_move",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("version", sa.Integer()),
        sa.Column("replaced", sa.Integer()),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model", "version"], ["model_version.model", "model_version.version"], name="fk_alias_move_model_version"
        ),
        sa.ForeignKeyConstraint(["model"], ["model.name"], name="fk_alias_move_model"),
        sa.PrimaryKeyConstraint("id", name="pk_alias_move"),
    )
    op.create_index("ix_alias_move_model_alias_id", "alias_move", ["model", "alias", "id"])
    op.create_table(
        "event",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("step_run", _ROW_ID),
        sa.Column("artifact", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["artifact"], ["artifact.hash"], name="fk_event_artifact"),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_event_run"),
        sa.ForeignKeyConstraint(["step_run"], ["step_run.id"], name="fk_event_step_run"),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
    )
    op.create_index("ix_event_artifact", "event", ["artifact"])
    op.create_index("ix_event_run_id", "event", ["run", "id"])
    op.create_index("ix_event_step_run", "event", ["step_run"])
    op.create_table(
        "metric",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("step_run", _ROW_ID, nullable=False),
        sa.Column("pipeline", sa.String(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(["step_run"], ["step_run.id"], name="fk_metric_step_run"),
        sa.PrimaryKeyConstraint("id", name="pk_metric"),
    )
    op.create_index("ix_metric_pipeline_name_value_id", "metric", ["pipeline", "name", "value", "id"])
    op.create_table(
        "model_reproduction",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("run", sa.String()),
        sa.Column("step", sa.String()),
        sa.Column("metrics", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model", "version"],
            ["model_version.model", "model_version.version"],
            name="fk_model_reproduction_model_version",
        ),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_model_reproduction_run"),
        sa.PrimaryKeyConstraint("id", name="pk_model_reproduction"),
    )
    op.create_index("ix_model_reproduction_model_version_id", "model_reproduction", ["model", "version", "id"])
    op.create_table(
        "scrap",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("step_run", _ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text()),
        sa.Column("kind", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["step_run"], ["step_run.id"], name="fk_scrap_step_run"),
        sa.PrimaryKeyConstraint("id", name="pk_scrap"),
    )
    op.create_index("ix_scrap_step_run_id", "scrap", ["step_run", "id"])
