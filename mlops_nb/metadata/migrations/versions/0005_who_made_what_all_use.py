"""An index that tells who made an artifact without walking through all who used it."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_event_artifact_direction_step_run", "event", ["artifact", "direction", "step_run"])
    op.drop_index("ix_event_artifact", "event")
