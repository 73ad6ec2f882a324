from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from pathlib import Path

from django.apps import AppConfig
from django.db.backends.base.base import BaseDatabaseWrapper

from wayfare.ledger.registry import Offered


def _connected(connection: BaseDatabaseWrapper, **_: object) -> None:
    from wayfare.departures import zones

    zones.tell(connection.connection)


def _programmes(named: Set[str] | None) -> Collection[str]:
    from wayfare.departures import queries

    return queries.programme_ids() if named is None else queries.configured(named)[0]


def _listed() -> bytes:
    from wayfare.departures import programme_files

    return programme_files.listed()


def _add_missing(path: Path) -> None:
    from wayfare.departures import programme_files

    programme_files.add_missing(path)


def _offered(office: str) -> Sequence[Offered]:
    from wayfare.departures import queries

    return queries.offered(office)


class DeparturesConfig(AppConfig):
    """Registration, confirmations, the counting rule."""

    name = "wayfare.departures"
    label = "departures"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell the ledger which programmes there are, and each connection which time zones are installed."""
        from django.db.backends.signals import connection_created

        from wayfare.ledger import registry

        registry.programmes = _programmes
        registry.offered_programmes = _offered
        beside = registry.Beside("programmes", "wayfare programme list --json", _listed, _add_missing)
        registry.beside_exports[beside.name] = beside
        connection_created.connect(_connected, dispatch_uid="departures.zones")
