"""Invitations, codes and sessions in the database: what opens, what opens once, what never does."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pyotp
import pytest
from click.testing import CliRunner
from django.contrib.auth import hashers
from django.db import Error, connection, connections, transaction

from wayfare.access import operations as access
from wayfare.access import queries as staff_queries
from wayfare.access.door import door, read
from wayfare.access.rules import secret_hash
from wayfare.access.signin import cli, keys, operations, queries
from wayfare.access.signin.passkeys import Assertion, NewPasskey
from wayfare.access.signin.rules import NotProved
from wayfare.access.tests.cast import there
from wayfare.ledger.rules import Refused

NOW = datetime.now(UTC)
PASSWORD = "seven lamps along the quay"
GENERATOR = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def office(db):
    access.set_office("paris", "Paris", "Europe/Paris", by=None)
    access.set_office("lyon", "Lyon", "Europe/Paris", by=None)


def who(secret, *, at=NOW):
    """Return who acts by a session's secret."""
    return there(staff_queries.actor(secret, at=at))


def invite(email="ada@example.org", *roles, office="paris", at=NOW, name="Ada Okoye", **other):
    return operations.invite(name, email, office, roles or ("counsellor",), by=other.pop("by", None), at=at, **other)


def passkey():
    return NewPasskey(uuid4().bytes, b"public", 0)


def code(at=NOW):
    return pyotp.TOTP(GENERATOR).at(at)


def colleague(email="bo@example.org", *roles, office="paris", at=NOW):
    """Return the actor and the session's secret of somebody who accepted an invitation by a passkey."""
    secret = operations.accept_with_passkey(invite(email, *roles, office=office, at=at), passkey(), "", at=at)
    return staff_queries.actor(secret, at=at), secret


def with_code(email="ada@example.org", at=NOW):
    return operations.accept_with_password(invite(email), PASSWORD, GENERATOR, code(at), at=at)


def one(query, *parameters):
    return read(query, parameters)[0]


def refuses(code, call, *args, **kwargs):
    with pytest.raises(NotProved) as said:
        call(*args, **kwargs)
    assert said.value.code == code


# Invitations


def test_an_invitation_opens_once_and_its_secret_is_not_kept(office):
    secret = invite("Ada@Example.org", "counsellor", "supervisor", language="fr")
    found = there(queries.invitation(secret, at=NOW))
    assert found[1:7] == ("Ada Okoye", "ada@example.org", "paris", "Paris", ("counsellor", "supervisor"), "fr")
    assert secret not in repr(one("select * from access_invitation"))
    session = operations.accept_with_passkey(secret, passkey(), "", at=NOW)
    actor = who(session)
    assert tuple(actor) == (found.staff, "Ada Okoye", "paris", {"counsellor", "supervisor"}, "fr", "Europe/Paris")
    assert queries.invitation(secret, at=NOW) is None
    refuses("invitation", operations.accept_with_passkey, secret, passkey(), "", at=NOW)
    refuses("invitation", operations.accept_with_password, secret, PASSWORD, GENERATOR, code(), at=NOW)


@pytest.mark.parametrize(("later", "opens"), [(timedelta(days=7, seconds=-1), True), (timedelta(days=7), False)])
def test_an_invitation_runs_out(office, later, opens):
    secret = invite()
    assert (queries.invitation(secret, at=NOW + later) is not None) == opens
    if not opens:
        refuses("invitation", operations.accept_with_passkey, secret, passkey(), "", at=NOW + later)


def test_a_new_invitation_withdraws_the_one_before(office):
    first, second = invite(), invite("ADA@example.org")
    assert queries.invitation(first, at=NOW) is None
    assert queries.invitation(second, at=NOW) is not None
    assert operations.withdraw("ada@example.org", by=None, at=NOW)
    assert not operations.withdraw("ada@example.org", by=None, at=NOW)
    refuses("invitation", operations.accept_with_passkey, second, passkey(), "", at=NOW)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"email": "ada"}, "email"),
        ({"email": "a b@example.org"}, "email"),
        ({"office": "rome"}, "office"),
        ({"language": "xx"}, "language"),
        ({"roles": ()}, "roles"),
        ({"roles": ("owner",)}, "roles"),
    ],
)
def test_refused_invitations_name_the_field(office, wrong, field):
    given = {"name": "Ada", "email": "ada@example.org", "office": "paris", "roles": ("auditor",)} | wrong
    with pytest.raises(Refused) as refusal:
        operations.invite(**given, by=None, at=NOW)
    assert refusal.value.field == field


def test_a_colleague_is_not_invited_again_until_they_left(office):
    actor, _ = colleague("bo@example.org")
    with pytest.raises(Refused, match="email"):
        invite("BO@example.org")
    access.leave(actor.staff, by=None, at=NOW)
    assert there(queries.invitation(invite("bo@example.org"), at=NOW)).staff != actor.staff


def at_once(work, times=6):
    """Run `work` in several threads that start together; return what each answered, or the name of its refusal."""
    barrier = threading.Barrier(times)

    def one_of_them():
        try:
            return work(barrier)
        except NotProved as problem:
            return problem.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(times) as pool:
        return [future.result() for future in [pool.submit(one_of_them) for _ in range(times)]]


def test_of_many_who_accept_at_once_one_comes_in(fresh_database):
    access.set_office("paris", "Paris", "Europe/Paris", by=None)
    for n in range(10):
        secret = invite(f"ada{n}@example.org")

        def accept(barrier, secret=secret):
            barrier.wait()
            return ("in", operations.accept_with_passkey(secret, passkey(), "", at=NOW))

        answers = at_once(accept)
        assert sum(answer[0] == "in" for answer in answers) == 1, answers
        assert answers.count("invitation") == 5
    assert one("select count(*) from access_staff") == (10,)


def test_the_race_is_met_by_who_looks_first_and_writes_then(fresh_database):
    """The control: the same threads, with a look before the write, let more than one in."""
    access.set_office("paris", "Paris", "Europe/Paris", by=None)
    secret = invite()

    def naive(barrier):
        found = queries.invitation(secret, at=NOW)
        barrier.wait()
        with connections["owner"].cursor() as cursor:
            cursor.execute("update access_invitation set used_at = %s where hash = %s", [NOW, secret_hash(secret)])
        return "in" if found else "invitation"

    assert at_once(naive).count("in") == 6


# Passkeys


def stored(count=0):
    made = NewPasskey(uuid4().bytes, b"public", count)
    secret = operations.accept_with_passkey(invite(f"{uuid4()}@example.org"), made, "", at=NOW)
    return made.id, who(secret).staff


def test_a_counter_that_goes_back_ends_the_passkey(office):
    id_, staff = stored(5)
    operations.sign_in_with_passkey(Assertion(id_, staff, 6), at=NOW)
    refuses("copied", operations.sign_in_with_passkey, Assertion(id_, staff, 6), at=NOW)
    refuses("no_passkey", operations.sign_in_with_passkey, Assertion(id_, staff, 7), at=NOW)
    assert queries.passkey(id_) is None
    assert queries.passkeys(staff)[0].copied_at == NOW


def test_an_authenticator_that_does_not_count_stays_in_use(office):
    id_, staff = stored(0)
    for _ in range(3):
        operations.sign_in_with_passkey(Assertion(id_, staff, 0), at=NOW)


def test_of_two_answers_with_one_count_one_comes_in(fresh_database):
    access.set_office("paris", "Paris", "Europe/Paris", by=None)
    id_, staff = stored(1)

    def prove(barrier):
        barrier.wait()
        operations.sign_in_with_passkey(Assertion(id_, staff, 2), at=NOW)
        return "in"

    answers = at_once(prove)
    assert answers.count("in") == 1
    assert answers.count("copied") == 1


def test_nobody_takes_a_passkey_that_is_somebodys(office):
    made = passkey()
    operations.accept_with_passkey(invite("a@example.org"), made, "", at=NOW)
    secret = invite("b@example.org")
    refuses("passkey_known", operations.accept_with_passkey, secret, made, "", at=NOW)
    assert queries.invitation(secret, at=NOW) is not None, "the invitation is not used up by what failed"


def test_the_last_way_in_stays(office):
    actor, _ = colleague()
    (first,) = queries.passkeys(actor.staff)
    with pytest.raises(Refused, match="passkey"):
        operations.remove_passkey(actor.staff, first.id)
    operations.add_passkey(actor.staff, passkey(), "  blue   key ", at=NOW)
    operations.remove_passkey(actor.staff, first.id)
    assert [one.name for one in queries.passkeys(actor.staff)] == ["blue key"]
    stranger, _ = colleague("cy@example.org")
    operations.add_passkey(stranger.staff, passkey(), "", at=NOW)
    operations.remove_passkey(stranger.staff, queries.passkeys(actor.staff)[0].id)
    assert len(queries.passkeys(actor.staff)) == 1


def test_a_challenge_is_used_once(office):
    operations.use_challenge(b"x" * 32, at=NOW)
    refuses("replayed", operations.use_challenge, b"x" * 32, at=NOW + timedelta(minutes=4))
    operations.use_challenge(b"y" * 32, at=NOW)


def test_challenges_are_forgotten_only_when_their_cookies_have_long_run_out(office):
    operations.use_challenge(b"x" * 32, at=NOW)
    operations.use_challenge(b"y" * 32, at=NOW + timedelta(hours=1, seconds=1))
    assert one("select count(*) from access_challenge") == (1,)


# Password and code


def test_a_password_with_a_code_opens_and_a_code_only_once(office):
    with_code()
    later = NOW + timedelta(seconds=90)
    refuses("password_or_code", operations.sign_in_with_code, "ada@example.org", PASSWORD, code(), at=later)
    assert operations.sign_in_with_code(" ADA@example.org", PASSWORD, code(later), at=later)
    refuses("code_used", operations.sign_in_with_code, "ada@example.org", PASSWORD, code(later), at=later)
    earlier = code(later - timedelta(seconds=30))
    refuses("code_used", operations.sign_in_with_code, "ada@example.org", PASSWORD, earlier, at=later)


def test_the_code_of_signing_up_does_not_sign_in(office):
    with_code()
    refuses("code_used", operations.sign_in_with_code, "ada@example.org", PASSWORD, code(), at=NOW)


LATER = NOW + timedelta(seconds=90)


@pytest.mark.parametrize(
    ("email", "password", "given"),
    [
        ("ada@example.org", PASSWORD, ""),
        ("ada@example.org", PASSWORD, "000000"),
        ("ada@example.org", "", None),
        ("ada@example.org", PASSWORD + " ", None),
        ("ada@example.org", "!", None),
        ("nobody@example.org", PASSWORD, None),
        ("", "", ""),
        ("ada@example.org", "x" * 100_000, None),
        ("\x00", PASSWORD, None),
    ],
)
def test_neither_alone_opens(office, email, password, given):
    with_code()
    given = code(LATER) if given is None else given
    refuses("password_or_code", operations.sign_in_with_code, email, password, given, at=LATER)


def test_of_many_with_the_same_code_at_once_one_comes_in(fresh_database):
    access.set_office("paris", "Paris", "Europe/Paris", by=None)
    with_code()

    def sign_in(barrier):
        barrier.wait()
        operations.sign_in_with_code("ada@example.org", PASSWORD, code(LATER), at=LATER)
        return "in"

    answers = at_once(sign_in, 4)
    assert sorted(answers) == ["code_used"] * 3 + ["in"]


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "x" * 257,
        "password1234",
        "adaokoye2026",
        "ada@example.org",
        "123456789012",
        "aaaaaaaaaaaa",
        "Summer2026!!",
        "Passw0rd2026!",
        "qwertyuiop12",
        "abcdefghijkl",
        "letmein letmein",
        "P@ssword12345",
        "a" * 256,
        "Ada.Okoye.1990",
        "wayfarewayfare1",
    ],
)
def test_a_password_that_is_tried_first_is_refused(office, password):
    secret = invite()
    with pytest.raises(Refused, match="password"):
        operations.accept_with_password(secret, password, GENERATOR, code(), at=NOW)
    assert queries.invitation(secret, at=NOW) is not None


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "un vélo jaune dehors",
        "مفتاح الباب الأزرق",
        "9f3kd02mslqp",
        "kitchen table under rain",
        "zq" + "é" * 5 + "kv7!" * 60,
    ],
)
def test_a_sentence_or_what_a_password_manager_makes_is_taken(password):
    operations.check_password(password, email="ada@example.org", name="Ada Okoye")


def test_what_is_stored_says_neither_password_nor_generator(office, hashed_in_earnest):
    with_code()
    encoded, box = one("select encoded, sealed from access_password join access_totp using (staff)")
    assert encoded.startswith("scrypt$16384$")
    assert GENERATOR.encode() not in bytes(box)


def test_a_seal_moved_to_a_colleague_does_not_open(office):
    """A thief who may write to the database gives a colleague's account a generator of their own."""
    with_code("ada@example.org")
    with_code("bo@example.org")
    with connection.cursor() as cursor, pytest.raises(Error, match="permission denied"), transaction.atomic():
        cursor.execute("update access_totp set sealed = (select sealed from access_totp limit 1)")
    (bo,) = one("select id from access_staff where email = 'bo@example.org'")
    box = keys.sealed(keys.of_this_home(), uuid4().bytes, GENERATOR.encode())
    with door(), connection.cursor() as cursor:
        cursor.execute("delete from access_totp where staff = %s", [bo])
        cursor.execute("insert into access_totp values (%s, %s, 0)", [bo, box])
    refuses("password_or_code", operations.sign_in_with_code, "bo@example.org", PASSWORD, code(LATER), at=LATER)


def test_the_work_does_not_tell_whose_address_it_is(office, hashed_in_earnest):
    """By the processor time of this thread, in which a password is hashed; what else the machine does is not in it."""
    with_code()

    def seconds(call):
        took = []
        for _ in range(3):
            began = time.thread_time()
            call()
            took.append(time.thread_time() - began)
        return min(took)

    def tried(email, password):
        return seconds(
            lambda: refuses("password_or_code", operations.sign_in_with_code, email, password, "000000", at=LATER)
        )

    wrong, right = tried("ada@example.org", "a wrong one that is long"), tried("ada@example.org", PASSWORD)
    nobody, hashing = tried("nobody@example.org", PASSWORD), seconds(lambda: hashers.make_password(PASSWORD))
    assert 0.6 < nobody / wrong < 1.6
    assert 0.6 < nobody / right < 1.6
    assert nobody > 0.5 * hashing, "the control: that much would be missing if nobody's password were not hashed"


# Sessions


def test_a_session_ends_with_leaving_and_with_another_role(office):
    actor, secret = colleague()
    access.change_roles(actor.staff, ("auditor",), by=None, at=NOW)
    assert staff_queries.actor(secret, at=NOW) is None
    (id_,) = one("select id from access_passkey")
    again = operations.sign_in_with_passkey(Assertion(bytes(id_), actor.staff, 0), at=NOW)
    assert who(again).roles == {"auditor"}
    access.leave(actor.staff, by=None, at=NOW)
    assert staff_queries.actor(again, at=NOW) is None
    refuses("no_passkey", operations.sign_in_with_passkey, Assertion(bytes(id_), actor.staff, 0), at=NOW)


def test_who_left_comes_in_by_no_code(office):
    actor = who(with_code())
    access.leave(actor.staff, by=None, at=NOW)
    refuses("password_or_code", operations.sign_in_with_code, "ada@example.org", PASSWORD, code(LATER), at=LATER)


def test_one_ends_ones_own_sessions_and_nobody_elses(office):
    actor, secret = colleague("bo@example.org")
    other, others = colleague("cy@example.org")
    second = access.begin_session(actor.staff, "passkey", at=NOW)
    operations.end_own_session(other.staff, secret_hash(second), at=NOW)
    assert staff_queries.actor(second, at=NOW) is not None
    assert operations.end_other_sessions(actor.staff, secret, at=NOW) == 1
    assert staff_queries.actor(second, at=NOW) is None
    assert staff_queries.actor(secret, at=NOW) is not None
    assert staff_queries.actor(others, at=NOW) is not None


# Administration and commands


def test_the_last_administrator_stays_one(office):
    first, _ = colleague("a@example.org", "administrator")
    with pytest.raises(Refused, match="administrator"):
        operations.may_leave_the_role(first.staff, ("auditor",))
    operations.may_leave_the_role(first.staff, ("administrator", "auditor"))
    second, _ = colleague("b@example.org", "administrator")
    operations.may_leave_the_role(first.staff, ())
    access.leave(second.staff, by=None, at=NOW)
    with pytest.raises(Refused):
        operations.may_leave_the_role(first.staff, ())


def run(command, *arguments):
    return CliRunner().invoke(command, arguments)


def test_the_first_administrator_is_invited_by_command(office):
    assert run(cli.office, "rome", "--name", "Rome", "--timezone", "Europe/Rome").exit_code == 0
    assert run(cli.office, "rome", "--name", "Rome", "--timezone", "Europe/Roma").exit_code == 2
    assert "rome\tRome" in run(cli.offices).stdout
    wanted = ("--name", "Ada", "--email", "ada@example.org", "--office", "rome", "--role", "administrator")
    told = run(cli.invite, *wanted, "--address", "https://wayfare.example/", "--json")
    link = json.loads(told.stdout.splitlines()[-1])["link"]
    assert link.startswith("https://wayfare.example/staff/sign-up/")
    assert run(cli.invite, *wanted).stdout.startswith("http://localhost:8000/staff/sign-up/")
    assert queries.invitation(link.rsplit("/", 1)[1], at=datetime.now(UTC)) is None, "the second withdrew it"
    assert [row["state"] for row in json.loads(run(cli.list_, "--json").stdout)["staff"]] == ["invited"]
    assert run(cli.invite, *wanted[:4], "--office", "nowhere", "--role", "auditor").exit_code == 2
    assert run(cli.leave, "ada@example.org").exit_code == 0
    assert run(cli.leave, "ada@example.org").exit_code == 2
    _, secret = colleague("bo@example.org")
    assert "has left" in run(cli.leave, "BO@example.org").stdout
    assert staff_queries.actor(secret, at=datetime.now(UTC)) is None


@pytest.mark.parametrize(
    "statement",
    [
        "update access_passkey set credential = 'x'",
        "update access_passkey set staff = null",
        "update access_invitation set roles = '{administrator}'",
        "update access_invitation set expires_at = now()",
        "delete from access_invitation",
        "update access_recovery set staff = null",
        "delete from access_recovery",
        "update access_recovery set confirmed_at = now(), usable_at = now(), link_ends_at = now()",
        "insert into access_recovery_approval values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), now())",
        "insert into access_recovery (id) values (gen_random_uuid())",
        "update access_password_tries set blocked_at = null",
        "delete from access_pace",
        "insert into access_device values ('x')",
        "update access_recovery_approval set staff = null",
        "delete from access_recovery_approval",
        "delete from access_session",
    ],
)
def test_the_application_cannot_rewrite_how_staff_came_in(office, statement):
    with pytest.raises(Error, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_nobody_is_invited_by_an_address_that_looks_like_a_colleagues(office):
    colleague("ada@example.org")
    with pytest.raises(operations.LooksAlike) as refused:
        invite("\u0430da@example.org", name="Ada Okoye")
    assert refused.value.field == "email"
    assert "\\u0430da@example.org" in refused.value.reason, "what the eye does not see is written out"
    assert invite("bo@example.org"), "the control"
