"""What Django loads as `ENGINE`: its backend for PostgreSQL, whose connections begin with settings of ours."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import base

from wayfare.site.postgresql import session


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's backend; each new connection of its pool begins as `session` says."""

    def _configure_connection(self, connection: Any) -> bool:
        session.begin(connection, session.for_alias(self.alias))
        super()._configure_connection(connection)  # type: ignore[misc]
        return True
