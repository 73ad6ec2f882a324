"""Erasing a person takes two colleagues, in the database itself; what is erased is gone, and pages say so."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from click.testing import CliRunner
from django.db import IntegrityError, connections, transaction

from wayfare.access import operations as access
from wayfare.access import queries as staff
from wayfare.access.door import door
from wayfare.access.purposes import ROLES
from wayfare.access.rules import Forbidden
from wayfare.access.signin import operations as signin
from wayfare.access.signin import queries as accounts
from wayfare.access.signin.passkeys import NewPasskey
from wayfare.access.tests.cast import there
from wayfare.ledger.rules import Refused
from wayfare.people import cli, epochs, operations, queries
from wayfare.people.sealing import SealRefusal
from wayfare.people.statements import Stale
from wayfare.people.tests.cast import NOW, WORDS, Colleague, asked_erasure, browser, erased, file_data


@pytest.fixture
def officer(vault):
    return Colleague("lyon", "data_protection_officer")


@pytest.fixture
def made(counsellor):
    return counsellor.enrols("Maryam Karimi")


def rows(vault, query):
    with psycopg.connect(vault("wayfare_owner"), autocommit=True) as owner:
        return owner.execute(query).fetchall()


def erases(colleague, asked, read_until=None):
    try:
        with transaction.atomic(), colleague.acting():
            operations.erase(asked.id, read_until=asked.read_until if read_until is None else read_until)
    except Forbidden as problem:
        return problem.code
    return "erased"


def words_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.content.decode()))


# Two people


def test_who_asks_does_not_decide_whatever_their_roles(vault, made):
    both = Colleague("paris", "counsellor", "supervisor", "data_protection_officer")
    asked = asked_erasure(made.person, both)
    assert erases(both, asked) == "not_yours"
    assert rows(vault, "select count(*) from people_sealed") == [(5,)]
    assert erases(Colleague("paris", "supervisor"), asked) == "erased", "the control"
    assert rows(vault, "select count(*) from people_sealed") == [(0,)]


def test_with_the_application_s_password_one_colleague_alone_erases_nobody(vault, supervisor, made):
    """With the secret of a supervisor in hand, and every function of the database at hand."""
    asked = asked_erasure(made.person, supervisor)
    with psycopg.connect(vault("wayfare_app"), autocommit=True) as thief:
        for secret in ("", supervisor.secret):
            thief.execute("select set_config('app.session', %s, false)", [secret])
            for attack in (
                f"select people_erase('{asked.id}', {asked.read_until})",
                f"select access_decide_erasure('{asked.id}', 'erased', '', {asked.read_until})",
                f"select access_ask_erasure('{made.person}', 'asked', 'because I say so', '{uuid4()}')",
                "update access_erasure set asked_by = gen_random_uuid()",
                "select * from access_erasure",
                "delete from access_erasure",
                f"update access_file set erased_at = now() where person = '{made.person}'",
                f"update people_person set erased_at = now() where id = '{made.person}'",
                f"delete from people_key where person = '{made.person}'",
                f"select people_numbered('{made.case_number}')",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    thief.execute(attack)
    assert rows(vault, "select count(*) from people_sealed") == [(5,)]


@pytest.mark.parametrize("office", ["paris", "lyon"])
@pytest.mark.parametrize("role", ROLES)
def test_who_asks_and_who_decides(counsellor, made, office, role):
    colleague = Colleague(office, role)
    asks = role == "data_protection_officer" or (office, role) == ("paris", "supervisor")
    with colleague.acting():
        assert staff.may_ask_erasure(made.person) is asks
        assert not staff.may_ask_erasure(uuid4())
    asked = asked_erasure(made.person, counsellor)
    assert (erases(colleague, asked) == "erased") is asks


def test_the_second_colleague_is_independent_of_the_first(vault, made):
    """An officer invites a puppet, who asks; the officer's own yes does not count. The control: another's does."""
    boss = Colleague("paris", "data_protection_officer", "administrator")
    puppet = Colleague("paris", "counsellor")
    rows(vault, f"update access_invitation set invited_by = '{boss.id}' where staff = '{puppet.id}' returning 1")
    with Colleague("paris", "supervisor").acting():
        access.join_team(made.person, puppet.id)
    asked = asked_erasure(made.person, puppet)
    assert erases(boss, asked) == "not_independent"
    page = browser(boss).post(
        f"/files/erasure/{asked.id}",
        {"do": "approve", "number": made.case_number, "read_until": str(asked.read_until)},
    )
    assert (page.status_code, "One of the people concerned invited you" in page.content.decode()) == (403, True)
    assert erases(Colleague("paris", "supervisor"), asked) == "erased"


def recovered(vault, colleague):
    """Let somebody who has the machine recover a colleague's account; it is theirs then."""
    link = signin.recover_by_command(colleague.id, at=NOW)
    colleague.secret = signin.recover(link, NewPasskey(uuid4().bytes, b"public", 0), "", at=NOW)


def test_who_has_the_machine_asks_for_no_erasure_with_an_account_that_they_recovered(vault, supervisor, made):
    """By a command and by a page: neither asking nor confirming counts, and nobody can approve it."""
    victim = Colleague("lyon", "data_protection_officer")
    with door():
        by_command = access.ask_erasure(made.person, "asked", WORDS, asked_for=victim.id)
    recovered(vault, victim)
    page = browser(victim).post(f"/files/erasure/{by_command}", {"do": "confirm"})
    assert (page.status_code, "recovered too recently to ask" in page.content.decode()) == (403, True)
    with supervisor.acting():
        waiting = there(staff.erasure(by_command))
    assert erases(supervisor, waiting) == "not_confirmed"
    with victim.acting():
        access.withdraw_erasure(by_command)
    page = browser(victim).post(f"/files/{made.person}/erase", {"ground": "asked", "why": WORDS})
    assert (page.status_code, "recovered too recently to ask" in page.content.decode()) == (403, True)
    with pytest.raises(Forbidden, match="recovered_lately"), transaction.atomic(), door():
        access.ask_erasure(made.person, "asked", WORDS, asked_for=victim.id)
    rows(vault, "update access_recovery set used_at = now() - interval '8 days' where used_at is not null returning 1")
    assert erases(supervisor, asked_erasure(made.person, victim)) == "erased", "the control: a week later it counts"


@pytest.mark.parametrize("function", ["access_ask_erasure", "access_confirm_erasure"])
def test_control_without_its_condition_a_recovered_account_asks(vault, supervisor, made, function):
    victim = Colleague("lyon", "data_protection_officer")
    with door():
        asked = access.ask_erasure(made.person, "asked", WORDS, asked_for=victim.id)
    recovered(vault, victim)
    with psycopg.connect(vault("wayfare_owner"), autocommit=True) as owner:
        ((text,),) = owner.execute("select pg_get_functiondef(%s::regproc)", [function]).fetchall()
        changed = re.sub(r"if access_recovered_lately\(\w+\) then", "if false then", text)
        assert changed != text
        owner.execute(changed)
    with victim.acting():
        if function == "access_ask_erasure":
            access.withdraw_erasure(asked)
        else:
            access.confirm_erasure(asked)
    if function == "access_ask_erasure":
        asked = asked_erasure(made.person, victim).id
    with supervisor.acting():
        one = there(staff.erasure(asked))
    assert erases(supervisor, one) == "erased"


TAKES_UP = (
    "insert into access_task (id, purpose, person, staff, opened_at, ends_at, basis, reason) values (%s,"
    " 'support_at_request', %s, %s, now(), now() + interval '1 hour', 'Maryam Karimi', 'Maryam Karimi')"
)


def test_no_words_about_an_erased_person_are_kept(vault, supervisor, counsellor, made):
    """The erasure that takes words away is over; with the application's password and one's own session."""
    other, written = counsellor.enrols("Helena Kovalenko"), []
    erased(made.person, supervisor, counsellor)
    with (
        psycopg.connect(vault("wayfare_app"), autocommit=True) as thief,
        psycopg.connect(vault("wayfare_owner"), autocommit=True) as owner,
    ):
        thief.execute("select set_config('app.session', %s, false)", [counsellor.secret])

        def kept(person):
            written.append(uuid4())
            thief.execute(TAKES_UP, [written[-1], person, counsellor.id])
            return thief.execute("select reason || basis from access_task where id = %s", written[-1:]).fetchone()[0]

        assert kept(made.person) == kept(uuid4()) == "", "nor can it be told from a person without a file"
        assert kept(other.person), "the control: of another person"
        entry = "select access_write('team', null, %s, '{}', null, '{}', '{\"reason\": \"Maryam Karimi\"}')"
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not_yours"):
            owner.execute(entry, [made.person])
        owner.execute(entry, [other.person])
        owner.execute("drop trigger access_task_keeps_no_words on access_task")
        assert kept(made.person), "the control: without the guard"


def test_a_task_made_beside_an_erasure_loses_its_words(vault, supervisor, counsellor, made):
    """The erasure waits for it, and takes them away."""
    asked = asked_erasure(made.person, counsellor)
    with psycopg.connect(vault("wayfare_app")) as thief, ThreadPoolExecutor(1) as threads:
        thief.execute("select set_config('app.session', %s, false)", [counsellor.secret])
        thief.execute(TAKES_UP, [uuid4(), made.person, counsellor.id])

        def erase():
            try:
                return erases(supervisor, asked)
            finally:
                connections.close_all()

        erasing = threads.submit(erase)
        time.sleep(0.5)
        assert not erasing.done(), "it waits for the task"
        thief.commit()
        assert erasing.result(timeout=20) == "erased"
    assert rows(vault, "select count(*) from access_task where reason <> ''") == [(0,)]


def test_a_refusal_and_a_withdrawal_end_a_request(supervisor, officer, counsellor, made):
    asked = asked_erasure(made.person, counsellor)
    with pytest.raises(Refused, match=r"^why: "), supervisor.acting():
        access.refuse_erasure(asked.id, "no")
    with pytest.raises(Forbidden), counsellor.acting():
        access.refuse_erasure(asked.id, WORDS)
    with supervisor.acting():
        access.refuse_erasure(asked.id, WORDS)
    with counsellor.acting():
        assert [(one.about, one.words) for one in staff.own_notices()] == [("erasure_refused", WORDS)]
    again = asked_erasure(made.person, counsellor)
    with pytest.raises(Forbidden), supervisor.acting():
        access.withdraw_erasure(again.id)
    with counsellor.acting():
        access.withdraw_erasure(again.id)
    for one in (asked, again):
        assert erases(officer, one) == "not_yours"
    assert erases(officer, asked_erasure(made.person, counsellor)) == "erased", "the control"


def test_a_request_lapses_after_two_weeks_and_may_be_made_again(vault, supervisor, officer, made):
    asked = asked_erasure(made.person, officer)
    with pytest.raises(Forbidden, match="asked_already"):
        asked_erasure(made.person, officer)
    later = (
        "update access_erasure set asked_at = asked_at - interval '{0}', ends_at = ends_at - interval '{0}' returning 1"
    )
    rows(vault, later.format("14 days"))
    assert erases(supervisor, asked) == "not_yours"
    with supervisor.acting():
        assert staff.erasures() == []
        assert there(staff.erasure(asked.id)).state == "lapsed"
    again = asked_erasure(made.person, officer)
    rows(vault, later.format("13 days"))
    assert erases(supervisor, again) == "erased"


def test_of_two_who_approve_at_once_one_does(vault, supervisor, officer, counsellor, made):
    asked = asked_erasure(made.person, counsellor)

    def work(colleague):
        try:
            return erases(colleague, asked)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(work, [supervisor, officer, Colleague("paris", "supervisor"), officer]))
    assert sorted(done) == ["erased", "not_yours", "not_yours", "not_yours"]
    said = rows(vault, "select kind, count(*) from access_log where kind like 'erasure%' group by kind order by kind")
    assert said == [("erasure", 1), ("erasure_approved", 1), ("erasure_asked", 1)]


def test_who_decides_has_read_what_happened_in_the_file_until_then(supervisor, officer, counsellor, made):
    """The person came back and their name was corrected, after the request and after the page was shown."""
    asked = asked_erasure(made.person, officer)
    task = counsellor.task(made.person)
    with counsellor.acting():
        operations.correct(task, "names", file_data("Maryam Karimi Junior")["names"], version=1, at=NOW)
    assert erases(supervisor, asked) == "file_changed"
    with supervisor.acting():
        now = there(staff.erasure(asked.id))
    assert (now.looks, now.corrections, now.decides) == (1, 1, True)
    assert erases(supervisor, asked, now.read_until) == "erased"


def test_a_correction_under_way_and_an_erasure_at_once_leave_nothing(vault, supervisor, officer, counsellor, made):
    asked = asked_erasure(made.person, officer)
    task = counsellor.task(made.person)

    def correct():
        try:
            with counsellor.acting():
                operations.correct(task, "names", file_data("Maryam Sultani")["names"], version=1, at=NOW)
        except (Forbidden, Stale, SealRefusal) as problem:
            return type(problem).__name__
        finally:
            connections.close_all()
        return "corrected"

    def erase():
        try:
            return erases(supervisor, asked)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.submit(correct), threads.submit(erase)
        outcome = first.result(), second.result()
    assert outcome[1] in ("erased", "file_changed")
    left = rows(
        vault,
        "select (select count(*) from people_sealed), count(*) filter (where person is not null) from people_token",
    )
    assert (left[0] == (0, 0)) is (outcome[1] == "erased"), outcome


def test_who_waits_to_open_a_file_while_it_is_erased_opens_nothing(vault, counsellor, made):
    task = counsellor.task(made.person)

    def open_names():
        try:
            with counsellor.acting():
                operations.opened(task, ("names",))
        except Forbidden as problem:
            return problem.code
        finally:
            connections.close_all()
        return "opened"

    with ThreadPoolExecutor(1) as threads, psycopg.connect(vault("wayfare_owner")) as eraser:
        eraser.execute("lock table access_gate in exclusive mode")
        opening = threads.submit(open_names)
        with psycopg.connect(vault("wayfare_owner"), autocommit=True) as watcher:
            while not watcher.execute("select from pg_locks where not granted").fetchall():
                time.sleep(0.01)
        eraser.execute("update access_file set erased_at = now() where person = %s", [made.person])
        eraser.commit()
        assert opening.result() == "not_yours"
    assert rows(vault, "select kind from access_log order by position desc limit 1") == [("erasure",)]


# What is gone, what stays


def test_nothing_sealed_remains_and_pages_say_erased_to_who_may_know(vault, supervisor, officer, counsellor, made):
    with counsellor.looks(made.person, "names", purpose="support_at_request"):
        pass
    asked = erased(made.person, supervisor, counsellor)
    for table in ("key", "sealed", "mark"):
        assert rows(vault, f"select count(*) from people_{table}") == [(0,)]
    assert rows(vault, "select count(*) from people_token where person is not null") == [(0,)]
    assert rows(vault, "select count(*) from access_words where person is not null") == [(0,)]
    assert rows(vault, "select state from (select reason || basis as state from access_task) t where state <> ''") == []
    for text in ("Karimi", made.case_number):
        assert queries.search(counsellor.secret, text).found == []
    for colleague, office in ((supervisor, "paris"), (officer, "lyon")):
        page = words_of(browser(colleague).get("/staff/looks"))
        assert "erased file" in page, office
        assert made.case_number not in page
    auditor = words_of(browser(Colleague("lyon", "auditor")).get("/staff/looks"))
    assert f"file {str(made.person)[:8]}" in auditor
    receipt = words_of(browser(counsellor).get(f"/files/erasure/{asked.id}"))
    for said in ("Receipt of an erasure", "erased file", "Older backups can be opened until epoch 1 is destroyed"):
        assert said in receipt
    assert WORDS not in receipt
    assert "The person is erased" in words_of(browser(counsellor).get("/files/"))
    epochs.rewrap(epochs.begin())
    epochs.destroy(1)
    assert "no backup can be opened any more" in words_of(browser(counsellor).get(f"/files/erasure/{asked.id}"))


# The pages


def test_the_basis_of_a_hold_goes_with_the_erasure_and_none_comes_after_it(
    vault, supervisor, officer, counsellor, made
):
    """A legal basis is text that somebody types, and may name the person."""
    with counsellor.looks(made.person):
        pass
    ((look,),) = rows(vault, f"select max(position) from access_log where kind = 'look' and person = '{made.person}'")
    until = NOW + timedelta(days=30)
    with officer.acting():
        access.hold_back(look, until, "order about Maryam Karimi")
    (kept,) = rows(vault, "select until from access_hold")
    erased(made.person, supervisor, counsellor)
    assert rows(vault, "select basis, until from access_hold") == [("", *kept)]
    with officer.acting(), pytest.raises(Forbidden), transaction.atomic():
        access.hold_back(look, until, "order about Maryam Karimi")
    assert rows(vault, "select count(*) from access_words") == [(0,)]


def test_from_asking_to_the_receipt_on_the_pages(vault, supervisor, counsellor, made):
    asks, decides = browser(counsellor), browser(supervisor)
    link = f'href="/files/{made.person}/erase"'
    assert link in asks.get(f"/files/{made.person}").content.decode()
    assert link not in browser(Colleague("paris", "travel_officer")).get(f"/files/{made.person}").content.decode()
    page = asks.get(f"/files/{made.person}/erase").content.decode()
    assert page.index("What stays, and until when") < page.index("Your request"), "said first"
    assert made.case_number in page
    for given in ({"ground": "", "why": WORDS}, {"ground": "asked", "why": "so"}):
        answer = asks.post(f"/files/{made.person}/erase", given)
        assert answer.status_code == 422
        assert given["why"] in answer.content.decode()
    address = asks.post(f"/files/{made.person}/erase", {"ground": "asked", "why": WORDS}).headers["Location"]
    assert "A second person decides" in asks.get(address).content.decode()
    with_banner, address = address, address.partition("?")[0]
    assert asks.get(f"/files/{made.person}/erase").headers["Location"] == address
    own = asks.get(address).content.decode()
    assert "You asked for this yourself" in own
    assert 'value="approve"' not in own
    assert asks.post(address, {"do": "approve", "number": made.case_number, "read_until": "0"}).status_code == 404
    listed = decides.get("/staff/requests").content.decode()
    assert address in listed
    assert made.case_number in listed
    page = decides.get(address).content.decode()
    seen = re.search(r'name="read_until" value="(\d+)"', page)[1]
    wrong = decides.post(address, {"do": "approve", "number": "AAAA-AAAA", "read_until": seen})
    assert (wrong.status_code, "not the case number" in wrong.content.decode()) == (422, True)
    assert decides.post(address, {"do": "refuse", "why": "no"}).status_code == 422
    with supervisor.looks(made.person, "names"):
        pass
    changed = decides.post(address, {"do": "approve", "number": made.case_number, "read_until": seen})
    assert (changed.status_code, "This file changed in the meantime" in changed.content.decode()) == (409, True)
    assert "1 opening." in changed.content.decode()
    seen = re.search(r'name="read_until" value="(\d+)"', changed.content.decode())[1]
    for other in ("9" * 18, "9" * 19, "9" * 300, "-1", "\u00b2", ""):
        sent = {"do": "approve", "number": made.case_number, "read_until": other}
        assert decides.post(address, sent).status_code == 409, f"{other[:20]!r} is no position that was read"
    written = made.case_number.lower().replace("-", " ").replace("0", "o")
    done = decides.post(address, {"do": "approve", "number": written, "read_until": seen})
    assert done.headers["Location"] == address
    assert "Receipt of an erasure" in decides.get(address).content.decode()
    assert "A second person decides" not in asks.get(with_banner).content.decode(), "it is decided"
    assert decides.post(address, {"do": "approve", "number": made.case_number, "read_until": seen}).status_code == 404
    assert asks.get(f"/files/{made.person}/erase").status_code == 404


# The command


def asked_by_command(number, *more):
    return CliRunner().invoke(cli.erase, [number, "--ground", "asked", "--why", WORDS, *more])


def test_the_command_asks_and_erases_nobody(vault, supervisor, counsellor, made):
    email = accounts.email_of(supervisor.id)
    for wrong, said in (
        (("--confirm", "AAAA-AAAA", "--asked-by", email), "not the same twice"),
        (("--confirm", made.case_number, "--asked-by", "x@example.org"), "no colleague"),
        (
            ("--confirm", made.case_number, "--asked-by", accounts.email_of(Colleague("paris", "auditor").id)),
            "may not ask",
        ),
    ):
        answer = asked_by_command(made.case_number, *wrong)
        assert answer.exit_code != 0
        assert said in answer.output, answer.output
    answer = asked_by_command(made.case_number.lower(), "--confirm", made.case_number, "--asked-by", email, "--json")
    assert answer.exit_code == 0, answer.output
    assert "until the epoch of their key is destroyed" in answer.output
    said = json.loads(answer.stdout.splitlines()[-1])
    request = said.pop("request")
    assert said == {"state": "unconfirmed", "days": 14}
    assert rows(vault, "select count(*) from people_sealed") == [(5,)]
    other = Colleague("paris", "supervisor")
    with other.acting():
        asked = there(staff.erasure(request))
    assert (asked.asked_by, asked.by_command, asked.words) == (supervisor.id, True, WORDS)
    assert erases(supervisor, asked) == "not_yours", "for whom it was asked"
    with supervisor.acting():
        access.confirm_erasure(asked.id)
    page = words_of(browser(other).get(f"/files/erasure/{request}"))
    assert "entered by a command on the machine" in page
    assert "A command on the machine asked in the name of supervisor of paris to erase the person." in words_of(
        browser(other).get("/staff/looks")
    )
    assert erases(other, asked) == "erased"
    gone = asked_by_command(made.case_number, "--confirm", made.case_number, "--asked-by", email)
    assert "no file has the case number" in gone.output


@pytest.fixture
def by_command(made):
    """Gives a function colleague → the request that a command made in their name."""

    def ask(colleague):
        email = accounts.email_of(colleague.id)
        answer = asked_by_command(made.case_number, "--confirm", made.case_number, "--asked-by", email, "--json")
        assert answer.exit_code == 0, answer.output
        request = UUID(json.loads(answer.stdout.splitlines()[-1])["request"])
        with colleague.acting():
            return there(staff.erasure(request))

    return ask


def test_the_command_says_who_confirms_first_and_where(counsellor, made):
    email = accounts.email_of(counsellor.id)
    answer = asked_by_command(made.case_number, "--confirm", made.case_number, "--asked-by", email)
    with counsellor.acting():
        (told,) = staff.own_notices()
    assert f"in the name of {email}, who is told and has to sign in and confirm it first" in answer.stdout
    assert answer.stdout.splitlines()[1] == f"/files/erasure/{told.erasure}"


def test_one_person_with_a_shell_and_a_supervisor_s_account_erases_nobody(
    vault, supervisor, counsellor, made, by_command
):
    """The second person would be a name that the first one typed."""
    asked = by_command(counsellor)
    assert erases(supervisor, asked) == "not_confirmed"
    with psycopg.connect(vault("wayfare_app"), autocommit=True) as thief:
        thief.execute("select set_config('app.session', %s, false)", [supervisor.secret])
        for attack in (
            f"select people_erase('{asked.id}', {asked.read_until})",
            f"select access_confirm_erasure('{asked.id}')",
            f"select access_decide_erasure('{asked.id}', 'erased', '', {asked.read_until})",
            "update access_erasure set confirmed_at = now()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                thief.execute(attack)
    with pytest.raises(Forbidden, match="not_yours"), door():
        access.confirm_erasure(asked.id)
    address = f"/files/erasure/{asked.id}"
    page = browser(supervisor).get(address).content.decode()
    assert "This cannot be approved yet" in page
    assert 'value="approve"' not in page
    assert 'value="refuse"' in page
    approval = {"do": "approve", "number": made.case_number, "read_until": str(asked.read_until)}
    said = set()
    for language in ("en", "fr", "es", "ar"):
        answer = browser(supervisor, language).post(address, approval)
        assert answer.status_code == 409
        said.add(re.search(r'role="alert".*?<p>(.*?)</p>', answer.content.decode(), re.DOTALL)[1])
    assert len(said) == 4
    assert any("has not confirmed it" in one for one in said)
    assert rows(vault, "select count(*) from people_sealed") == [(5,)]
    ((text,),) = rows(vault, "select pg_get_functiondef('access_decide_erasure'::regproc)")
    careless = text.replace("one.confirmed_at is null", "false")
    assert careless != text
    with psycopg.connect(vault("wayfare_owner"), autocommit=True) as owner:
        owner.execute(careless)
        with pytest.raises(IntegrityError):
            erases(supervisor, asked)
        ((held,),) = owner.execute(
            "select conname from pg_constraint where conrelid = 'access_erasure'::regclass"
            " and pg_get_constraintdef(oid) like '%erased%confirmed_at IS NOT NULL%'"
        ).fetchall()
        owner.execute(f'alter table access_erasure drop constraint "{held}"')
    assert erases(supervisor, asked) == "erased", "the control"


def test_from_the_command_to_the_confirmation_to_the_approval(vault, supervisor, officer, counsellor, made, by_command):
    asked = by_command(counsellor)
    address = f"/files/erasure/{asked.id}"
    asks, decides = browser(counsellor), browser(supervisor)
    told = asks.get("/files/").content.decode()
    assert "A command on the machine asked in your name" in told
    assert f'href="{address}"' in told
    listed = words_of(decides.get("/staff/requests"))
    assert "Waiting for the colleague named to confirm it" in listed
    assert "asked in the name of counsellor of paris" in words_of(browser(officer).get("/staff/requests"))
    own = asks.get(address).content.decode()
    assert "Yes, I asked for this erasure" in own
    assert 'value="withdraw"' in own
    assert asks.post(address, {"do": "confirm"}).headers["Location"] == address
    own = asks.get(address).content.decode()
    assert "confirmed by the colleague named" in own
    assert 'value="confirm"' not in own
    assert asks.post(address, {"do": "confirm"}).status_code == 404, "once"
    assert "Waiting for the colleague named" not in words_of(decides.get("/staff/requests"))
    assert "counsellor of paris asked to erase a person" in words_of(browser(officer).get("/staff/requests"))
    assert "confirmed the request to erase the person" in words_of(decides.get("/staff/looks"))
    page = decides.get(address).content.decode()
    seen = re.search(r'name="read_until" value="(\d+)"', page)[1]
    done = decides.post(address, {"do": "approve", "number": made.case_number, "read_until": seen})
    assert done.headers["Location"] == address
    assert "Receipt of an erasure" in decides.get(address).content.decode()
    assert rows(vault, "select count(*) from people_sealed") == [(0,)]
    said = rows(vault, "select kind, staff from access_log where kind like 'erasure_%' order by position")
    assert said == [
        ("erasure_asked", None),
        ("erasure_confirmed", counsellor.id),
        ("erasure_approved", supervisor.id),
    ]


def confirms(colleague, asked):
    try:
        with transaction.atomic(), colleague.acting():
            access.confirm_erasure(asked.id)
    except Forbidden as problem:
        return problem.code
    return "confirmed"


def test_only_the_named_colleague_confirms_an_open_request_and_while_they_may_ask(
    vault, supervisor, officer, counsellor, made, by_command
):
    mate = Colleague("paris", "counsellor")
    with supervisor.acting():
        access.join_team(made.person, mate.id)
    asked = by_command(counsellor)
    for other in (supervisor, officer, mate, Colleague("paris", "administrator")):
        assert confirms(other, asked) == "not_yours"
    for other in (supervisor, officer, mate):
        assert browser(other).post(f"/files/erasure/{asked.id}", {"do": "confirm"}).status_code == 404
        assert 'value="confirm"' not in browser(other).get(f"/files/erasure/{asked.id}").content.decode()
    with supervisor.acting():
        access.leave_team(made.person, counsellor.id)
    assert confirms(counsellor, asked) == "not_yours", "who has left the team may not ask"
    with supervisor.acting():
        access.join_team(made.person, counsellor.id)
    answer = browser(counsellor).post(f"/files/erasure/{asked.id}", {"do": "withdraw"})
    assert answer.status_code == 302
    assert confirms(counsellor, asked) == "not_yours", "it is withdrawn"
    again = by_command(counsellor)
    with supervisor.acting():
        access.refuse_erasure(again.id, WORDS)
    assert confirms(counsellor, again) == "not_yours", "it is refused, which takes no confirmation"
    late = by_command(counsellor)
    rows(vault, "update access_erasure set ends_at = now() where outcome is null returning 1")
    assert confirms(counsellor, late) == "not_yours", "it lapsed"
    assert confirms(counsellor, by_command(counsellor)) == "confirmed", "the control"


def test_the_looks_at_an_erased_file_say_that_it_was_erased(supervisor, officer, counsellor, made):
    with counsellor.looks(made.person):
        pass
    address, said = f"/staff/looks?person={made.person}", "This file was erased"
    page = browser(officer).get(address).content.decode()
    assert said not in page
    assert made.case_number in page
    erased(made.person, supervisor)
    page = browser(officer).get(address).content.decode()
    assert said in page
    assert "counsellor of paris opened names" in page, "that stays"
    answer = browser(officer).get(f"/staff/looks?person={made.case_number}")
    assert answer.status_code == 422
    assert "or the file was erased" in answer.content.decode()
