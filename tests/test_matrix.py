"""Role × office × purpose × object, at every door that names an object: what is hidden answers as what is not there.

Made from the lines of pages: one that names somebody, or has a form that does, cannot be added without saying so.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import uuid4

import pytest
from django.test import Client

from wayfare.access import operations as access
from wayfare.access.purposes import PURPOSES, ROLES
from wayfare.access.signin import operations as signin
from wayfare.access.signin import queries
from wayfare.access.signin.passkeys import NewPasskey
from wayfare.people.tests.cast import WORDS, Colleague, asked_erasure, browser, erased
from wayfare.site.urls import PAGES

OFFICES = ("paris", "lyon")
MAY_SEE = {
    (page.route, role, office)
    for page in PAGES
    for role, whose in page.shows.items()
    for office in (OFFICES if whose == "any" else OFFICES[:1])
}
"""Where a role of an office sees objects that there are: no answer is hidden there."""
FORMS = {page.route: page.forms for page in PAGES if page.forms}
"""Doors whose forms name an object that may be another's → the fields that do."""


@pytest.fixture
def world(db, tmp_path, settings):
    """Made for each case: looks that are undone count against their reader's limit, and would add up."""
    settings.PEOPLE_KEYS = tmp_path / "people-keys"
    return World()


class World:
    """Two offices with a colleague of each role, and objects of every fate."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        self.staff = {(office, role): Colleague(office, role) for office in OFFICES for role in ROLES}
        self.clients = self.browsers()
        keeper = Colleague("paris", "counsellor")
        other = Colleague("lyon", "counsellor")
        self.people = {
            "own office": keeper.enrols("Own Office").person,
            "other office": other.enrols("Other Office").person,
            "erased": keeper.enrols("Gone Away").person,
        }
        erased(self.people["erased"], self.staff["paris", "data_protection_officer"])
        waiting = keeper.enrols("Wants To Go").person
        sealed = keeper.task(self.people["own office"])
        with keeper.acting():
            access.close_task(sealed, at=now)
        left = Colleague("paris", "auditor")
        access.leave(left.id, by=None, at=now)
        self.objects = {
            "person": self.people,
            "task": {
                "a colleague's": keeper.task(self.people["own office"]),
                "another office's": other.task(self.people["other office"]),
                "sealed": sealed,
                "an emergency": other.task(self.people["own office"], "break_glass"),
            },
            "staff": {"here": keeper.id, "elsewhere": other.id, "left": left.id},
            "secret": self.links(now),
            "recovery": self.recoveries(now),
            "erasure": {"of their office": asked_erasure(waiting, keeper).id},
        }

    def browsers(self) -> dict[tuple[str, str], Client]:
        found = {key: browser(one, raise_request_exception=False) for key, one in self.staff.items()}
        return found | {("", "nobody"): Client(HTTP_HOST="localhost")}

    @staticmethod
    def links(now) -> dict[str, str]:
        used = signin.invite("Ada", "ada@example.org", "paris", ("auditor",), by=None, at=now)
        signin.accept_with_passkey(used, NewPasskey(uuid4().bytes, b"", 0), "", at=now)
        withdrawn = signin.invite("Bo", "bo@example.org", "paris", ("auditor",), by=None, at=now)
        signin.withdraw("bo@example.org", by=None, at=now)
        old = now - timedelta(days=8)
        return {
            "used": used,
            "withdrawn": withdrawn,
            "run out": signin.invite("Cy", "cy@example.org", "paris", ("auditor",), by=None, at=old),
            "a recovery that ran out": signin.ask_recovery("ada@example.org", at=old),
        }

    def recoveries(self, now) -> dict[str, object]:
        asks = Colleague("rome", "auditor")
        signin.ask_recovery(queries.email_of(asks.id), at=now)
        with access.acting(asks.secret):
            (found,) = queries.own_recoveries(asks.id)
        return {"another office's": found.id}


def bare(answer, *repeated):
    """Return what an answer says, without what it repeats of the question and what is new in each."""
    text = answer.content.decode()
    for one in repeated:
        text = text.replace(str(one), "")
    text = re.sub(r'value="[A-Za-z0-9]{64}"|/files/work/[0-9a-f-]{36}', "", text)
    location = re.sub(r"[0-9a-f-]{36}|[A-Za-z0-9_-]{43}", "", answer.headers.get("Location", ""))
    return answer.status_code, sorted(answer.headers), location, text


def form_for(field=None, value=None):
    return {"purpose": "case_work", "do": "approve" if field == "recovery" else "x", "also": "names"} | (
        {field: value} if field else {}
    )


OF_STAFF = [page for page in PAGES if page.roles is not None or page.route.startswith("staff/")]
ADDRESSED = sorted(page.route for page in OF_STAFF if "<" in page.route and "<slug:" not in page.route)
"""Slugs are of programmes, which everybody may know of."""


def test_every_form_says_whether_it_names_an_object():
    assert [page.route for page in OF_STAFF if ("POST" in page.guests) is (page.forms is None)] == []
    assert len(ADDRESSED) > 10
    assert len(FORMS) >= 3


@pytest.mark.parametrize("door", ADDRESSED)
def test_what_is_hidden_answers_as_what_is_absent(world, door):
    kind, name = re.search(r"<(\w+):(\w+)>", door).groups()
    absent = "A" * 43 if kind == "str" else uuid4()
    tried = 0
    for (office, role), client in world.clients.items():
        if (door, role, office) in MAY_SEE:
            continue
        for method in ("get", "post"):
            answers = {}
            for said, value in {"absent": absent, **world.objects[name]}.items():
                client.defaults["REMOTE_ADDR"] = f"2001:db8:{tried:x}::1"  # else it is slowed
                path = "/" + re.sub("<str:group>", "names", door).replace(f"<{kind}:{name}>", str(value))
                client.cookies.pop("wayfare_form", None)
                answers[said] = bare(getattr(client, method)(path, form_for() if method == "post" else {}), value)
                tried += 1
            for said, answer in answers.items():
                assert answer == answers["absent"], (office, role, method, said)
    assert tried >= 2 * len(ROLES) * 2


@pytest.mark.parametrize(("door", "field"), [(door, field) for door, fields in FORMS.items() for field in fields])
def test_what_a_form_names_and_is_hidden_answers_as_what_is_absent(world, door, field):
    name = {"approve": "task", "decline": "task", "confirm": "staff", "refuse": "staff"}.get(field, field)
    hidden = {said: one for said, one in world.objects[name].items() if said != "an emergency"}
    for (office, role), client in world.clients.items():
        senior = role in ("supervisor", "data_protection_officer", "administrator")
        if door == "staff/recoveries" and senior:
            continue  # they may approve for anybody
        answers = {
            said: bare(client.post(f"/{door}", form_for(field, value)), value)
            for said, value in {"absent": uuid4(), **hidden}.items()
        }
        for said, answer in answers.items():
            assert answer == answers["absent"], (office, role, said)


def opens(role, purpose, kind, office):
    """Tell what the list of purposes says: whether a file of `kind` opens to who is on no team of it."""
    if kind in ("absent", "erased"):
        return False
    here = (kind == "own office") == (office == "paris")
    return {"any": True, "office": here, "team": False, None: False}[PURPOSES[purpose].roles.get(role)]


@pytest.mark.parametrize(("office", "role"), list(product(OFFICES, ROLES)))
def test_a_file_opens_on_its_page_by_the_list_of_purposes_and_else_is_as_if_it_were_not(world, office, role):
    """Every purpose that the role can take up, on every kind of file; and every other purpose is no door at all."""
    client = world.clients[office, role]
    for purpose, known in PURPOSES.items():
        answers = {}
        for kind, person in {"absent": uuid4(), **world.people}.items():
            given = {"purpose": purpose, "asked": "yes", "reason": WORDS, "basis": WORDS}
            taken = client.post(f"/files/{person}/work", given)
            if role not in known.roles:
                assert taken.status_code == 404, (purpose, kind)
                continue
            assert taken.status_code == 302, (purpose, kind)
            address = taken.headers["Location"]
            shown = client.get(address)
            answers[kind] = bare(shown, person, address.rsplit("/", 1)[1])
            if not opens(role, purpose, kind, office):
                assert answers[kind] == answers["absent"], (purpose, kind)
                assert answers[kind][0] == 404
            else:
                assert shown.status_code == 200, (purpose, kind)
                sealed = known.needs == "approval"
                assert ("still sealed" in shown.content.decode()) is sealed
