"""What the departures package shows on home pages: programmes of the reader's office, and where their tables are."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone, translation

from wayfare.access.rules import Actor, reader
from wayfare.access.web.sections import Part, Section
from wayfare.departures import live
from wayfare.departures.web import words


def programmes(actor: Actor, now: datetime, language: str) -> Section:
    """Return the programmes whose exact figures the actor reads, with this month's and this year's departures."""
    _position, lines = live.overview(now, reader=reader(actor))
    rows = [
        {
            "key": line.programme.key,
            "title": line.programme.title,
            "country": words.country_name(line.programme.country, language),
            "month": words.number(line.month, language),
            "year": words.number(line.year, language),
        }
        for line in lines
    ]
    return Section("programmes", "departures/programmes.html", {"rows": rows, "office": actor.office})


def _sections(actor: Actor) -> list[Section]:
    return [programmes(actor, timezone.now(), translation.get_language() or "en")]


PARTS = (Part(80, lambda actor: actor.reads_figures, _sections),)
