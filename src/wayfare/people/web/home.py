"""What the people package shows on home pages: files that are open, requests that wait, search. Within `acting`."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from wayfare.access.purposes import ENROLLERS
from wayfare.access.rules import Actor
from wayfare.access.web.sections import Part, Section
from wayfare.people.web import files


def sections(actor: Actor) -> list[Section]:
    """Return the sections of whoever opens files. They show case numbers only, and open nothing."""
    found = files.open_work(actor)
    may_register = not actor.roles.isdisjoint(ENROLLERS)
    opened, waiting, told = len(found["work"]), len(found["waiting"]), len(found["told"])
    sections = [
        Section(
            "open",
            "people/home/open.html",
            {"work": found["work"]},
            opened,
            ngettext("file open", "files open", opened),
        ),
        Section("find", "people/home/find.html", {"may_register": may_register}),
        Section(
            "waiting", "people/home/waiting.html", {"waiting": found["waiting"]}, waiting, _("waiting for approval")
        ),
    ]
    if told:
        said = ngettext("answer to you", "answers to you", told)
        sections.insert(0, Section("told", "people/home/told.html", {"told": found["told"]}, told, said))
    return sections


PARTS = (Part(20, lambda actor: actor.opens, sections),)
