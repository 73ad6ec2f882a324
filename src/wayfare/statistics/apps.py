from __future__ import annotations

from collections.abc import Iterator

from django.apps import AppConfig


def _recount(head: int) -> Iterator[str]:
    from wayfare.statistics.verify import differences  # brings Ibis and DuckDB

    return differences(head)


class StatisticsConfig(AppConfig):
    """Tables of counted departures, and the recount that verifies them."""

    name = "wayfare.statistics"
    label = "statistics"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the other implementation of the counting rule, for `ledger verify`."""
        from wayfare.ledger import registry

        registry.recounts["departures"] = _recount
