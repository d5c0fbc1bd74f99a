"""Identity: invitations, links by mail, sessions, second factors; keys that can be frozen and have their own limit.

Adds columns that may be empty and new tables only, so the release before keeps working while this runs.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import wall

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("api_keys") as table:
        table.add_column(sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("rate_limit", sa.BigInteger(), nullable=True))
        table.create_check_constraint(op.f("ck_api_keys_rate_limit_positive"), "rate_limit > 0")
    with op.batch_alter_table("users") as table:
        table.add_column(sa.Column("totp_secret", sa.LargeBinary(), nullable=True))
        table.add_column(sa.Column("totp_confirmed_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("totp_step", sa.BigInteger(), server_default="0", nullable=False))
        table.add_column(sa.Column("recovery_codes", sa.ARRAY(sa.LargeBinary()), server_default="{}", nullable=False))
    op.add_column(
        "organizations", sa.Column("requires_second_factor", sa.Boolean(), server_default="false", nullable=False)
    )
    add_invitations()
    add_links_and_sessions()
    wall.protect("invitations")
    wall.share("user_links")
    wall.share("user_sessions")
    wall.create_lookup(
        "organization_of_invitation",
        "wanted bytea",
        "select organization_id from invitations where token_hash = wanted",
    )
    wall.create_lookup(
        "organizations_with_user",
        "wanted uuid",
        "select organization_id from memberships where user_id = wanted "
        "union select organization_id from api_keys where created_by = wanted "
        "union select organization_id from customers where user_id = wanted order by 1",
        "setof uuid",
    )
    op.create_index("ix_api_keys_created_by", "api_keys", ["created_by"])
    op.create_index("ix_customers_user", "customers", ["user_id"])


def add_invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role in ('owner', 'admin', 'viewer')", name=op.f("ck_invitations_role_known")),
        sa.ForeignKeyConstraint(["invited_by"], ["users.id"], name=op.f("fk_invitations_invited_by")),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"], name=op.f("fk_invitations_organization_id")),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitations_token_hash")),
    )
    op.create_index(
        "uq_invitations_open",
        "invitations",
        ["organization_id", "email"],
        unique=True,
        postgresql_where="accepted_at is null and revoked_at is null",
    )


def add_links_and_sessions() -> None:
    op.create_table(
        "user_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind in ('verify_email', 'reset_password', 'change_email', 'claim_organization')",
            name=op.f("ck_user_links_kind_known"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_links_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_user_links_token_hash")),
    )
    op.create_index("ix_user_links_user", "user_links", ["user_id"])
    op.create_table(
        "user_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("ip", sa.String(), nullable=True),
        sa.Column("user_agent", sa.String(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_sessions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_sessions")),
    )
    op.create_index("ix_user_sessions_user", "user_sessions", ["user_id", "id"])


def downgrade() -> None:
    raise NotImplementedError("Restore the backup made before the upgrade: what was stored here has no place in 0002.")
