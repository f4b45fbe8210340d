"""Which token a refresh token succeeds, and a quick way to those that are not spent."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("refresh_tokens", sa.Column("parent_hash", sa.LargeBinary))
    op.create_index(
        "ix_refresh_tokens_unspent", "refresh_tokens", ["session_id"], postgresql_where=sa.text("spent_at IS NULL")
    )


def downgrade() -> None:
    op.drop_index("ix_refresh_tokens_unspent", "refresh_tokens")
    op.drop_column("refresh_tokens", "parent_hash")
