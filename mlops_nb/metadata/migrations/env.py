"""What Alembic runs: the revisions, within the transaction that `revisions.upgrade` holds open."""

from __future__ import annotations

from alembic import context

from mlops_nb.metadata.tables import REVISION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=REVISION_TABLE)
with context.begin_transaction():
    context.run_migrations()
