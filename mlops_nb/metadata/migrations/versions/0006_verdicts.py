"""What judges decided, of a run's step or of a model version: facts like all others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "verdict",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("run", sa.String()),
        sa.Column("step_run", _ROW_ID),
        sa.Column("model", sa.String()),
        sa.Column("version", sa.Integer()),
        sa.Column("judge", sa.String(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_verdict"),
        sa.ForeignKeyConstraint(["run"], ["run.id"], name="fk_verdict_run_run"),
        sa.ForeignKeyConstraint(["step_run"], ["step_run.id"], name="fk_verdict_step_run_step_run"),
        sa.ForeignKeyConstraint(
            ["model", "version"],
            ["model_version.model", "model_version.version"],
            name="fk_verdict_model_version_model_version",
        ),
    )
    op.create_index("ix_verdict_run_id", "verdict", ["run", "id"])
    op.create_index("ix_verdict_model_version_id", "verdict", ["model", "version", "id"])
    sqlite = op.get_context().dialect.name == "sqlite"
    for act in ("UPDATE", "DELETE"):
        refuse = (
            "BEGIN SELECT RAISE(ABORT, 'rows of verdict are facts and never change'); END"
            if sqlite
            else "FOR EACH ROW EXECUTE FUNCTION mlops_nb_append_only()"
        )
        op.execute(f"CREATE TRIGGER verdict_no_{act.lower()} BEFORE {act} ON verdict {refuse}")
    # The verdicts that a move stood on, by their ids; none where it moved before there were any.
    op.add_column("alias_move", sa.Column("verdicts", sa.Text()))
