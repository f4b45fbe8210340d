"""The currency in which a portfolio is valued."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE users ADD COLUMN currency text NOT NULL DEFAULT 'USDT'")


def downgrade() -> None:
    op.execute("ALTER TABLE users DROP COLUMN currency")
