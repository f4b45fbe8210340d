"""The tables, as the migrations make them."""

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
    text,
)

metadata = MetaData()
_INSTANT = TIMESTAMP(timezone=True)

accounts = Table(
    "accounts",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("created_at", _INSTANT, nullable=False, server_default=func.now()),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", _INSTANT, nullable=False, server_default=func.now()),
    Column("last_used_at", _INSTANT, nullable=False, server_default=func.now()),
    Column("expires_at", _INSTANT, nullable=False),
    Column("revoked_at", _INSTANT),
    Column("client_address", Text),
    Column("user_agent", Text),
    Index("ix_sessions_user_id_last_used_at", "user_id", "last_used_at"),
    Index("ix_sessions_last_used_at", "last_used_at"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("session_id", ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", _INSTANT, nullable=False, server_default=func.now()),
    Column("spent_at", _INSTANT),
    Column("grace_uses", SmallInteger, nullable=False, server_default="0"),
    Column("parent_hash", LargeBinary),
    Index("ix_refresh_tokens_unspent", "session_id", postgresql_where=text("spent_at IS NULL")),
)

# The transactional outbox of announcements to Redis: written with the change itself, so that no crash and no Redis
# failure in between can lose it. `session_id` NULL: all of the user's. No foreign key: it outlives the account.
revocations = Table(
    "revocations",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("user_id", BigInteger, nullable=False),
    Column("session_id", Uuid),
    Column("revoked_at", _INSTANT, nullable=False, server_default=func.now()),
    Index("ix_revocations_revoked_at", "revoked_at"),
)
