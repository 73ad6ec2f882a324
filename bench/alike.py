"""Does the time tell what the answer does not? What is absent is asked for beside what is there and hidden.

For each door that names somebody or something, and each role: the same request for an object that is not there and for
one that is there and not theirs (another office's, another colleague's, erased, used up), one after the other in random
order, pair after pair in random order, in a home of its own, through the whole application without a network. Prints a
line for each pair: the difference of the medians, the median of the differences in microseconds, and how surely they
differ (Wilcoxon's signed ranks, with Holm's correction for the number of pairs; a control alone). Status and body are
compared as well. A door "tells" if it differs surely (p < 0.01) by more than TELLS_US: below that nobody measures
through a network and a proxy.

The controls: the same request beside itself tells nothing; beside itself with 2 ms more, it tells.

    .venv/bin/python bench/alike.py [--rounds 200] [--only files]
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID, uuid4

TELLS_US = 250.0
"""Microseconds. A remote attacker finds 100 µs in a wide network with many thousand tries (Crosby, Wallach, Riedi,
"Opportunities and limits of remote timing attacks", 2009); ours are slowed, and each is on record."""
PLANTED_SECONDS = 0.002
DOORS = frozenset(
    {
        "staff/sign-in",
        "staff/sign-up/<str:secret>",
        "staff/sign-up/<str:secret>/options",
        "staff/me",
        "staff/recover",
        "staff/recover/<str:secret>",
        "staff/recover/<str:secret>/options",
        "staff/recoveries",
        "staff/people/<uuid:staff>",
        "staff/looks",
        "staff/requests",
        "files/",
        "files/<uuid:person>",
        "files/<uuid:person>/work",
        "files/<uuid:person>/team",
        "files/<uuid:person>/looks",
        "files/<uuid:person>/erase",
        "files/erasure/<uuid:erasure>",
        "files/work/<uuid:task>/correct/<str:group>",
        "files/work/<uuid:task>",
        "files/work/<uuid:task>/seal",
        "files/work/<uuid:task>/programme",
    }
)
"""The doors that are asked: all below `staff/` and `files/` whose address or form names an object."""
Ask = Callable[[], Any]


class Pair(NamedTuple):
    """One door for one role: what is asked for that is not there, and what is there and hidden."""

    door: str
    role: str
    hidden: str
    absent: Ask
    there: Ask


def rank_test(differences: list[float]) -> float:
    """Return how likely paired differences are so far from nothing by chance: Wilcoxon's signed ranks, two-sided.

    That is the permutation test over all ways to swap the two of each pair, on ranks, by its normal approximation with
    ties corrected. What slows both of a pair, such as a busy machine, cancels out.
    """
    sizes = sorted((abs(one), one > 0) for one in differences if one)
    count, rank, above, ties = len(sizes), 0, 0.0, 0.0
    for _, same in groupby(sizes, key=lambda pair: pair[0]):
        those = list(same)
        above += (rank + (len(those) + 1) / 2) * sum(up for _, up in those)
        ties += len(those) ** 3 - len(those)
        rank += len(those)
    spread = math.sqrt(count * (count + 1) * (2 * count + 1) / 24 - ties / 48)
    return math.erfc(abs(above - count * (count + 1) / 4) / spread / math.sqrt(2)) if spread else 1.0


def corrected(chances: list[float]) -> list[float]:
    """Return the probabilities after Holm's correction for asking so many questions at once."""
    order = sorted(range(len(chances)), key=lambda n: chances[n])
    found, highest = [0.0] * len(chances), 0.0
    for place, n in enumerate(order):
        highest = max(highest, min(1.0, chances[n] * (len(chances) - place)))
        found[n] = highest
    return found


class World:
    """Two offices, colleagues of each role with browsers, files of several fates."""

    def __init__(self) -> None:
        from django.test import Client

        from wayfare.access import operations as access
        from wayfare.access.purposes import ROLES

        self.now = datetime.now(UTC)
        self.clients: dict[str, Any] = {"nobody": Client(HTTP_HOST="localhost")}
        self.ids: dict[str, UUID] = {}
        self.secrets: dict[str, str] = {}
        for office in ("paris", "lyon"):
            access.set_office(office, office.title(), "Europe/Paris", by=None)
            for role in ROLES:
                self.joined(office, role)
        self.joined("paris", "counsellor", "colleague")
        self.files = {
            "own": self.enrolled("paris-colleague", "Own Office"),
            "other": self.enrolled("lyon-counsellor", "Xanthippe Zweig"),
            "erased": self.enrolled("paris-colleague", "Gone Away"),
        }
        self.erased(self.files["erased"])
        with access.acting(self.secrets["lyon-supervisor"]):
            self.request = access.ask_erasure(self.files["other"], "asked", "she asked for it in the office")

    def erased(self, person: UUID) -> None:
        """Have a person erased, by two colleagues."""
        from wayfare.access import operations as access
        from wayfare.access import queries
        from wayfare.people import operations as people

        with access.acting(self.secrets["paris-supervisor"]):
            request = access.ask_erasure(person, "asked", "she asked for it in the office")
        with access.acting(self.secrets["paris-data_protection_officer"]):
            asked = queries.erasure(request)
            assert asked is not None
            people.erase(request, read_until=asked.read_until)

    def joined(self, office: str, role: str, called: str = "") -> None:
        """Take a colleague on, with a browser that is signed in."""
        from django.conf import settings
        from django.test import Client

        from wayfare.access.tests.cast import taken_on

        key = f"{office}-{called or role}"
        self.ids[key], self.secrets[key] = taken_on(key, f"{key}@example.org", office, (role,))
        self.clients[key] = Client(HTTP_HOST="localhost")
        self.clients[key].cookies[settings.SESSION_COOKIE_NAME] = self.secrets[key]

    def enrolled(self, key: str, name: str) -> UUID:
        """Make a person's file by a colleague, who is on its team."""
        from wayfare.access import operations as access
        from wayfare.people import operations as people

        whole = {"script": "Latn", "parts": [{"kind": "whole", "text": name}]}
        data = {
            "names": {"names": [{"use": "used", "written": [whole]}]},
            "birth": {"told": {"calendar": "gregorian", "year": 1990, "month": 5, "day": 7}},
        }
        with access.acting(self.secrets[key]):
            made = people.enrol(data, at=self.now)
            access.join_team(made.person, self.ids[key])
        return made.person

    def task(self, key: str, person: UUID, purpose: str = "case_work") -> UUID:
        """Take up work on a person's file; whether it may be looked into is decided at the look."""
        from wayfare.access import operations as access

        reason = "she asked us by telephone to read it"
        with access.acting(self.secrets[key]):
            return access.take_up(self.ids[key], person, purpose, reason=reason, basis=reason, at=self.now)

    def get(self, key: str, path: str) -> Ask:
        """Return a way to ask for a page as somebody."""
        return lambda: self.clients[key].get(path)

    def post(self, key: str, path: str, **form: Any) -> Ask:
        """Return a way to send a form as somebody."""
        return lambda: self.clients[key].post(path, form)


def shut(page: str, role: str) -> tuple[str, ...]:
    """Return which files' page is not for a role: who watches sees looks into an erased one, officers any office's."""
    watches = page == "looks" and role in ("supervisor", "data_protection_officer")
    return (*(() if role == "data_protection_officer" else ("other",)), *(() if watches else ("erased",)))


def file_pairs(world: World) -> Iterator[Pair]:
    """Doors of files: another office's, a colleague's of one's own, an erased one's, beside one that never was."""
    roles = ("counsellor", "supervisor", "travel_officer", "data_protection_officer")
    purposes = {"travel_officer": "travel_booking", "data_protection_officer": "duplicate_review"}
    door = "files/work/<uuid:task>"
    for role in roles:
        key, purpose = f"paris-{role}", purposes.get(role, "case_work")
        hidden = {"other office's": "other", "erased": "erased"}
        if role == "counsellor":
            hidden["own office's, not on the team"] = "own"
        nothing = world.task(key, uuid4(), purpose)
        for said, which in hidden.items():
            there = world.task(key, world.files[which], purpose)
            yield Pair(
                door, role, said, world.get(key, f"/files/work/{nothing}"), world.get(key, f"/files/work/{there}")
            )
            path = "/files/{}/work"
            yield Pair(
                "files/<uuid:person>/work",
                role,
                said,
                world.post(key, path.format(uuid4()), purpose=purpose),
                world.post(key, path.format(world.files[which]), purpose=purpose),
            )
        for said, owner in (("a colleague's task", "paris-colleague"), ("another office's task", "lyon-counsellor")):
            their = world.task(owner, world.files["own" if owner.startswith("paris") else "other"])
            for path, ask, name in (
                ("/files/work/{}", world.get, door),
                ("/files/work/{}/seal", world.post, "files/work/<uuid:task>/seal"),
                ("/files/work/{}/programme", world.post, "files/work/<uuid:task>/programme"),
                ("/files/work/{}/correct/names", world.get, "files/work/<uuid:task>/correct/<str:group>"),
            ):
                yield Pair(name, role, said, ask(key, path.format(uuid4())), ask(key, path.format(their)))
        for which in ("other", "erased"):
            paths = [f"/files/{one}" for one in (uuid4(), world.files[which])]
            yield Pair("files/<uuid:person>", role, which, *(world.get(key, path) for path in paths))
        for page in ("team", "looks", "erase"):
            for which in shut(page, role):
                yield Pair(
                    f"files/<uuid:person>/{page}",
                    role,
                    which,
                    world.get(key, f"/files/{uuid4()}/{page}"),
                    world.get(key, f"/files/{world.files[which]}/{page}"),
                )
        if role != "data_protection_officer":  # officers decide any office's
            there = world.request
            yield Pair(
                "files/erasure/<uuid:erasure>",
                role,
                "other office's request",
                world.get(key, f"/files/erasure/{uuid4()}"),
                world.get(key, f"/files/erasure/{there}"),
            )
        yield Pair(
            "files/",
            role,
            "other office's, by name",
            world.post(key, "/files/", text="Wolthippe Kreig"),
            world.post(key, "/files/", text="Xanthippe Zweig"),
        )
    for role in ("verifier", "statistician", "auditor", "administrator"):
        key = f"paris-{role}"
        their = world.task("paris-colleague", world.files["own"])
        yield Pair(
            door,
            role,
            "a colleague's task",
            world.get(key, f"/files/work/{uuid4()}"),
            world.get(key, f"/files/work/{their}"),
        )


def sent(world: World, door: str, role: str, hidden: str, absent: dict[str, Any], there: dict[str, Any]) -> Pair:
    """Return a pair of forms sent to one door."""
    key = role if role == "nobody" else f"paris-{role}"
    return Pair(door, role, hidden, world.post(key, f"/{door}", **absent), world.post(key, f"/{door}", **there))


def staff_pairs(world: World) -> Iterator[Pair]:
    """Doors of the staff: colleagues, looks, emergencies, recoveries, links, addresses."""
    yield from seen_pairs(world)
    yield from request_pairs(world)
    yield from recovery_pairs(world)
    yield from link_pairs(world)
    yield from address_pairs(world)


def seen_pairs(world: World) -> Iterator[Pair]:
    """Pages that are looked at: of a colleague, of the looks into a file."""
    for role in ("counsellor", "supervisor", "auditor", "data_protection_officer"):
        key = f"paris-{role}"
        pages = [("staff/people/<uuid:staff>", "a colleague", "/staff/people/{}", world.ids["lyon-auditor"])]
        if role in ("counsellor", "supervisor"):  # the others may read of every file
            pages += [("staff/looks", "other office's file", "/staff/looks?person={}", world.files["other"])]
        for door, said, path, there in pages:
            yield Pair(door, role, said, world.get(key, path.format(uuid4())), world.get(key, path.format(there)))


def request_pairs(world: World) -> Iterator[Pair]:
    """Emergencies that are not the actor's to approve."""
    asked = world.task("lyon-counsellor", world.files["other"], "break_glass")
    plain = world.task("lyon-counsellor", world.files["other"])
    own = world.task("paris-supervisor", world.files["other"], "break_glass")
    for role, said, task in (
        ("supervisor", "a task that waits for nobody", plain),
        ("supervisor", "one's own emergency", own),
        ("counsellor", "an emergency", asked),
    ):
        yield sent(world, "staff/requests", role, said, {"approve": uuid4()}, {"approve": task})


def recovery_pairs(world: World) -> Iterator[Pair]:
    """A recovery that somebody of another office asked for."""
    from wayfare.access.operations import acting
    from wayfare.access.signin import operations, queries

    operations.ask_recovery("lyon-auditor@example.org", at=world.now)
    with acting(world.secrets["lyon-auditor"]):
        (theirs,) = queries.own_recoveries(world.ids["lyon-auditor"])
    for do in ("confirm", "refuse"):
        for door, said, form in (
            ("staff/recoveries", f"another office's, {do}", {"do": do}),
            ("staff/me", "another's recovery", {"do": "not-me"}),
        ):
            absent, there = ({"recovery": one, **form} for one in (uuid4(), theirs.id))
            yield sent(world, door, "counsellor", said, absent, there)


def link_pairs(world: World) -> Iterator[Pair]:
    """Links that open nothing any more."""
    from wayfare.access.signin import operations
    from wayfare.access.signin.passkeys import NewPasskey

    used = operations.invite("Ada", "ada@example.org", "paris", ("auditor",), by=None, at=world.now)
    operations.accept_with_passkey(used, NewPasskey(uuid4().bytes, b"", 0), "", at=world.now)
    old = operations.invite("Bo", "bo@example.org", "paris", ("auditor",), by=None, at=world.now - timedelta(days=8))
    refused = operations.ask_recovery("lyon-verifier@example.org", at=world.now - timedelta(days=2))
    for kind, said, secret in (
        ("sign-up", "used up", used),
        ("sign-up", "run out", old),
        ("recover", "run out", refused),
    ):
        for name, ask in (("", world.get), ("/options", world.post)):
            absent, there = (ask("nobody", f"/staff/{kind}/{one}{name}") for one in ("A" * 43, secret))
            yield Pair(f"staff/{kind}/<str:secret>{name}", "nobody", said, absent, there)


def address_pairs(world: World) -> Iterator[Pair]:
    """E-mail addresses that are a colleague's and that are nobody's."""
    from wayfare.access.signin import operations

    known = operations.invite("Cy", "cy@example.org", "paris", ("auditor",), by=None, at=world.now)
    code(known, world.now)
    tries = {"password": "a wrong one that is long", "code": "123456"}
    for door, nobody, colleague, form in (
        ("staff/recover", "xyz-auditor@example.org", "lyon-auditor@example.org", {}),
        ("staff/sign-in", "qz@example.org", "cy@example.org", tries),
    ):
        absent, there = ({"email": one, **form} for one in (nobody, colleague))
        yield sent(world, door, "nobody", "a colleague's address", absent, there)


def code(link: str, now: datetime) -> None:
    """Accept an invitation by a password and a code."""
    import pyotp

    from wayfare.access.signin import operations

    generator = pyotp.random_base32()
    operations.accept_with_password(
        link, "seven lamps along the quay", generator, pyotp.TOTP(generator).at(now), at=now
    )


def controls(world: World) -> Iterator[Pair]:
    """The same request beside itself, and beside itself with 2 ms more."""
    key, task = "paris-counsellor", world.task("paris-counsellor", uuid4())
    ask = world.get(key, f"/files/work/{task}")

    def later() -> Any:
        time.sleep(PLANTED_SECONDS)
        return ask()

    yield Pair("control", "counsellor", "the same", ask, ask)
    yield Pair("control", "counsellor", "2 ms planted", ask, later)


def seconds(ask: Ask) -> float:
    """Return how long one request takes; what it wrote is undone, so that the next finds the same."""
    from django.db import transaction

    with transaction.atomic():
        begun = time.perf_counter()
        ask()
        taken = time.perf_counter() - begun
        transaction.set_rollback(True)
    return taken


_OWN = re.compile(
    r"%2F|[0-9a-f]{8}-[0-9a-f-]{27}|[A-Za-z0-9_-]{43}|value=\"[A-Za-z0-9]{64}\"|[A-Z0-9]{3}-[A-Z0-9]{3}|\d\d:\d\d(:\d\d)?"
    r"|[a-z-]+@example\.org|Wolthippe Kreig|Xanthippe Zweig"
)
"""What an answer repeats of the question, and what is new in each: codes, tokens of forms, times."""


def alike(pair: Pair) -> bool:
    """Tell whether status, headers' names and body are the same."""
    from django.db import transaction

    seen = []
    for ask in (pair.absent, pair.there):
        with transaction.atomic():
            answer = ask()
            transaction.set_rollback(True)
        seen.append((answer.status_code, sorted(answer.headers), _OWN.sub("", answer.content.decode())))
    return seen[0] == seen[1]


def measured(pairs: list[Pair], rounds: int) -> list[tuple[list[float], list[float]]]:
    """Return the seconds of each pair's two requests: the two one after the other, all in random order."""
    chance = random.Random(1)
    found: list[tuple[list[float], list[float]]] = [([], []) for _ in pairs]
    for turn in range(rounds + 5):
        for n in chance.sample(range(len(pairs)), len(pairs)):
            for which in chance.sample((0, 1), 2):
                taken = seconds((pairs[n].absent, pairs[n].there)[which])
                if turn >= 5:  # the first ones warm up
                    found[n][which].append(taken)
    return found


def main() -> None:
    from home import installation

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--only", default="", help="doors that begin so")
    given = parser.parse_args()
    with installation():
        report(given.rounds, given.only)


def report(rounds: int, only: str) -> None:
    """Measure and print; ends with 1 if a door tells, or a control does not do as it should."""
    import logging

    from wayfare.access import rules

    logging.disable(logging.CRITICAL)
    rules.Limiter.wait_seconds = lambda self, key, clock: 0.0  # type: ignore[method-assign]  # all tries count here
    world = World()
    pairs = [one for one in (*file_pairs(world), *staff_pairs(world)) if one.door.startswith(only)]
    if not only and {one.door for one in pairs} != DOORS:
        sys.exit(f"these are not asked: {DOORS - {one.door for one in pairs}}")
    slow = [one for one in pairs if one.door == "staff/sign-in"]
    quick = [one for one in pairs if one not in slow] + list(controls(world))
    found = [*zip(quick, measured(quick, rounds), strict=True), *zip(slow, measured(slow, rounds // 8), strict=True)]
    apart_by = [[b - a for a, b in zip(*times, strict=True)] for _, times in found]
    alone = [rank_test(one) for one in apart_by]
    control = [pair.door == "control" for pair, _ in found]
    several = iter(corrected([chance for chance, is_control in zip(alone, control, strict=True) if not is_control]))
    sure = [chance if is_control else next(several) for chance, is_control in zip(alone, control, strict=True)]
    bad = 0
    for (pair, (absent, there)), differences, chance in zip(found, apart_by, sure, strict=True):
        apart = 1e6 * statistics.median(differences)
        same, tells = alike(pair), chance < 0.01 and abs(apart) > TELLS_US
        line = {"door": pair.door, "role": pair.role, "hidden": pair.hidden, "n": len(there), "same_answer": same}
        line |= {
            "median_us": round(1e6 * statistics.median(absent)),
            "apart_us": round(apart),
            "p": float(f"{chance:.2g}"),
        }
        print(json.dumps(line | {"tells": tells}), flush=True)
        bad += tells != (pair.hidden == "2 ms planted") or not same
    print(json.dumps({"pairs": len(found), "rounds": rounds, "not_as_it_should_be": bad}))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
