"""Users and their coins."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE users (
            id bigint PRIMARY KEY,  -- the account's id in authorization
            name text NOT NULL
        )
        """
    )
    op.execute(
        """
        CREATE TABLE coins (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            symbol text NOT NULL,
            quantity numeric(38, 18) NOT NULL CHECK (quantity > 0),
            UNIQUE (user_id, symbol)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE coins")
    op.execute("DROP TABLE users")
