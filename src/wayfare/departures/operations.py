"""What one does with programmes: configure one, name its office."""

from __future__ import annotations

from django.db import connection, transaction

from wayfare.access.operations import administering, note_programme_office
from wayfare.access.queries import is_office
from wayfare.common import texts
from wayfare.departures import queries
from wayfare.departures.rules import EVIDENCE, Programme
from wayfare.ledger import countries, zones
from wayfare.ledger.entries import fields
from wayfare.ledger.rules import Refused


def add_programme(key: str, title: str, country: str, timezone: str, counts_from: str = "boarding_pass") -> bool:
    """Configure a programme; return whether it is new.

    The same again changes nothing. Raises: Refused, when a value is bad, or when the key is configured
    otherwise already: a table as of a position must keep its bytes, so a programme never changes.
    """
    if not fields.is_slug(key):
        raise Refused("key", f"{key!r} is not a slug; use letters, digits, hyphen and underscore")
    if not texts.has_writing(title) or len(title) > fields.TEXT_LIMIT:
        raise Refused("title", f"is not a text of 1 to {fields.TEXT_LIMIT} characters, one of them visible")
    if control := texts.control_in(title):
        raise Refused("title", f"holds the control character {control}; write plain text on one line")
    if country not in countries.COUNTRIES:
        problem = f"{country!r} is not an ISO 3166-1 alpha-3 code in capitals, nor XKX (Kosovo)"
        raise Refused("country", problem + countries.mend(country))
    zones.check(timezone)
    if counts_from not in EVIDENCE:
        raise Refused("counts_from", f"{counts_from!r} is not a kind of evidence; one of " + ", ".join(EVIDENCE))
    wanted = Programme(key, country, timezone, counts_from, title)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "insert into departures_programme (key, title, country, timezone, counts_from)"
            " values (%s, %s, %s, %s, %s) on conflict (key) do nothing",
            [key, title, country, timezone, counts_from],
        )
        if cursor.rowcount == 1:
            return True
        if queries.programmes()[key] != wanted:
            raise Refused(
                "key", f"{key!r} is configured otherwise already; a programme never changes, choose a new key"
            )
    return False


def set_programme_office(key: str, office: str | None, *, by: str | None = None) -> None:
    """Name the office whose staff read a programme's exact figures; None for no office's. Nothing counted changes.

    Each change is a line of the access record. `by`: the secret of an administrator's session; None for a command on
    this machine. Raises: Refused, Forbidden.
    """
    with administering(by), connection.cursor() as cursor:
        programme = queries.programme_ids().get(key)
        if programme is None:
            raise Refused("programme", f"{key!r} is not configured here; see `wayfare programme list`")
        if office is not None and not is_office(office):
            raise Refused("office", f"there is no office with the id {office!r}; `wayfare staff offices` lists them")
        if queries.offices().get(key) == office:
            return
        note_programme_office(key, office)
        cursor.execute("delete from departures_programme_office where programme_id = %s", [programme])
        if office is not None:
            cursor.execute("insert into departures_programme_office values (%s, %s)", [programme, office])
