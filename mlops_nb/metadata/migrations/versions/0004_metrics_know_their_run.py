"""A metric knows its run, so that a search reads an index alone; what was withdrawn is found without walking."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    sqlite = op.get_context().dialect.name == "sqlite"
    op.add_column("metric", sa.Column("run", sa.String()))
    # The one change that its rows ever see; revision 0002 keeps them from all others.
    op.execute("DROP TRIGGER metric_no_update" + ("" if sqlite else " ON metric"))
    op.execute("UPDATE metric SET run = (SELECT step_run.run FROM step_run WHERE step_run.id = metric.step_run)")
    refuse = (
        "BEGIN SELECT RAISE(ABORT, 'rows of metric are facts and never change'); END"
        if sqlite
        else "FOR EACH ROW EXECUTE FUNCTION mlops_nb_append_only()"
    )
    op.execute(f"CREATE TRIGGER metric_no_update BEFORE UPDATE ON metric {refuse}")
    op.drop_index("ix_metric_name_value_step_run", "metric")
    op.create_index("ix_metric_name_value_run_step_run", "metric", ["name", "value", "run", "step_run"])
    withdrawn = sa.text("status = 'withdrawn'")
    op.create_index(
        "ix_step_run_withdrawn", "step_run", ["status", "id"], sqlite_where=withdrawn, postgresql_where=withdrawn
    )
