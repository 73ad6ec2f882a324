"""The access log as what a log commits to: every look, approval and hold, position by position."""

from __future__ import annotations

from wayfare.ledger.log.source import in_table

ACCESS = in_table("access", "access_log", "owner")
"""Read by the owner of the tables: the application's own role sees looks only as the member of staff who acts."""
