"""The database itself refuses to change or remove a fact.

`run` and `step_run` are left out, because they hold the current status beside its history in `execution_event`.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FACTS = (
    "alias_move",
    "artifact",
    "environment",
    "event",
    "execution_event",
    "metric",
    "model",
    "model_reproduction",
    "model_version",
    "parameter",
    "pipeline_version",
    "scrap",
)


def upgrade() -> None:
    sqlite = op.get_context().dialect.name == "sqlite"
    if not sqlite:
        op.execute(
            "CREATE FUNCTION mlops_nb_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'rows of % are facts and never change', TG_TABLE_NAME; END $$"
        )
    for table in _FACTS:
        for act in ("UPDATE", "DELETE"):
            name = f"{table}_no_{act.lower()}"
            refuse = (
                f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are facts and never change'); END"
                if sqlite
                else "FOR EACH ROW EXECUTE FUNCTION mlops_nb_append_only()"
            )
            op.execute(f"CREATE TRIGGER {name} BEFORE {act} ON {table} {refuse}")
