"""The offices of the example and who works there. All of them are invented."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import NamedTuple

import pyotp
from django.db import connections, transaction
from django.utils import timezone

from wayfare.access import operations as access
from wayfare.access.signin import example, operations, queries, totp
from wayfare.departures import operations as departures


class Invented(NamedTuple):
    """An invented colleague: the name, the office's id, the role."""

    name: str
    office: str
    role: str

    @property
    def email(self) -> str:
        """Return an address that nobody can have (RFC 2606)."""
        return f"{self.name.split()[0].lower()}@example.org"


OFFICES = {"geneva": ("Geneva", "Europe/Zurich", "che"), "sydney": ("Sydney", "Australia/Sydney", "aus")}
"""By id: the name, the time zone, and the programme whose exact figures the office's staff read."""
COLLEAGUES = (
    Invented("Camille Laurent", "geneva", "counsellor"),
    Invented("Idris Benali", "geneva", "counsellor"),
    Invented("Nadia Haddad", "geneva", "supervisor"),
    Invented("Tomas Ferreira", "geneva", "travel_officer"),
    Invented("Awa Diallo", "geneva", "verifier"),
    Invented("Mei Tanaka", "geneva", "statistician"),
    Invented("Jonas Weber", "geneva", "auditor"),
    Invented("Sofia Rossi", "geneva", "data_protection_officer"),
    Invented("Ruth Okafor", "geneva", "administrator"),
    Invented("Grace Nguyen", "sydney", "counsellor"),
    Invented("Liam Walker", "sydney", "counsellor"),
    Invented("Priya Raman", "sydney", "supervisor"),
    Invented("Daniel Cohen", "sydney", "statistician"),
    Invented("Helen Marsh", "sydney", "administrator"),
)


def make() -> bool:
    """Make the offices and take everybody on, as far as that is not done; return False if this is no example.

    Nobody knows their passwords: they are random, and forgotten here.
    """
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        if not example.mark(cursor, [one.email for one in COLLEAGUES]):
            return False
    for office, (name, zone, _) in OFFICES.items():
        operations.set_office(office, name, zone, by=None)
    at = timezone.now()
    there = {one.email for one in queries.colleagues(at=at) if one.state in ("active", "left")}
    for one in COLLEAGUES:
        if one.email not in there:
            _take_on(one, timezone.now())
    return True


def _take_on(one: Invented, at: datetime) -> None:
    invitation = operations.invite(one.name, one.email, one.office, [one.role], by=None, at=at)
    generator = totp.new_secret()
    code = pyotp.TOTP(generator).at(at)
    session = operations.accept_with_password(invitation, secrets.token_urlsafe(32), generator, code, at=at)
    access.end_session(session, at=at)


def name_offices_of_programmes() -> None:
    """Let each office's staff read the exact figures of its programme."""
    for office, (_, _, programme) in OFFICES.items():
        departures.set_programme_office(programme, office)
