"""Indexes for searching runs by metric and parameter, and for following lineage forwards."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_metric_name_value_step_run", "metric", ["name", "value", "step_run"])
    op.create_index("ix_metric_step_run_name", "metric", ["step_run", "name"])
    op.create_index("ix_parameter_name_run", "parameter", ["name", "run"])
    op.create_index("ix_step_run_cached_from", "step_run", ["cached_from"])
    op.create_index("ix_model_version_artifact", "model_version", ["artifact"])
    op.create_index("ix_model_reproduction_run", "model_reproduction", ["run"])
