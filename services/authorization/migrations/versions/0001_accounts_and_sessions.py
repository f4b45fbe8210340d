"""Accounts, sessions, refresh tokens, and the outbox of revocations."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_INSTANT = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False, unique=True),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False, server_default=sa.func.now()),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.BigInteger, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False, server_default=sa.func.now()),
        sa.Column("last_used_at", _INSTANT, nullable=False, server_default=sa.func.now()),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("revoked_at", _INSTANT),
        sa.Column("client_address", sa.Text),
        sa.Column("user_agent", sa.Text),
    )
    op.create_index("ix_sessions_user_id_last_used_at", "sessions", ["user_id", "last_used_at"])
    op.create_index("ix_sessions_last_used_at", "sessions", ["last_used_at"])
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.LargeBinary, primary_key=True),
        sa.Column("session_id", sa.Uuid, sa.ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False, server_default=sa.func.now()),
        sa.Column("spent_at", _INSTANT),
        sa.Column("grace_uses", sa.SmallInteger, nullable=False, server_default="0"),
    )
    op.create_index("ix_refresh_tokens_session_id", "refresh_tokens", ["session_id"])
    op.create_table(
        "revocations",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("session_id", sa.Uuid),
        sa.Column("revoked_at", _INSTANT, nullable=False, server_default=sa.func.now()),
    )
    op.create_index("ix_revocations_revoked_at", "revocations", ["revoked_at"])


def downgrade() -> None:
    for table in ("revocations", "refresh_tokens", "sessions", "accounts"):
        op.drop_table(table)
