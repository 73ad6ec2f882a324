"""No look without a session, a task, a purpose and a line in the log: the database itself holds everyone to it."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
import rfc8785
from django.db import DatabaseError, connection, connections, transaction
from hypothesis import given
from hypothesis import strategies as st

from wayfare.access import operations, purposes, queries
from wayfare.access.operations import acting, look, take_up
from wayfare.access.purposes import PURPOSES
from wayfare.access.rules import Forbidden
from wayfare.access.tests.cast import NOW, WORDS, Colleague, file_of, newest
from wayfare.ledger.rules import Refused


@pytest.fixture
def world(db):
    for office in ("paris", "lyon"):
        operations.set_office(office, office.title(), "Europe/Paris", by=None)
    return {(office, role): Colleague(office, role) for office in ("paris", "lyon") for role in purposes.ROLES}


@contextmanager
def refused(code):
    with pytest.raises(Forbidden) as said, transaction.atomic():
        yield
    assert said.value.code == code


def test_the_database_holds_the_list_of_purposes(db):
    with connection.cursor() as cursor:
        cursor.execute("select code, version, groups, hours, needs from access_purpose")
        stored = {code: (version, tuple(groups), hours, needs) for code, version, groups, hours, needs in cursor}
        cursor.execute("select purpose, role, scope from access_purpose_role")
        roles = {(purpose, role): scope for purpose, role, scope in cursor}
    assert stored == {c: (purposes.VERSION, p.groups, p.hours, p.needs) for c, p in PURPOSES.items()}
    assert roles == {(c, role): scope for c, p in PURPOSES.items() for role, scope in p.roles.items()}


def test_every_role_office_team_and_purpose_opens_what_the_list_says_and_nothing_else(world):
    """The whole matrix: role x office x on the team or not x purpose x field group."""
    person, tried = file_of(world["paris", "counsellor"]), 0
    for (office, role), colleague in world.items():
        for on_team in (False, True):
            if on_team:
                with acting(world["paris", "supervisor"].secret):
                    operations.join_team(person, colleague.id)
            for purpose, known in PURPOSES.items():
                for group in purposes.GROUPS:
                    scope = known.roles.get(role)
                    may = (
                        group in known.groups
                        and known.needs != "approval"
                        and (
                            scope == "any" or (scope == "office" and office == "paris") or (scope == "team" and on_team)
                        )
                    )
                    try:
                        with transaction.atomic():
                            done = colleague.opens(person, purpose, [group]) > 0
                    except Forbidden:
                        done = False
                    assert done is may, (office, role, on_team, purpose, group)
                    tried += 1
    assert tried == 2 * len(purposes.ROLES) * 2 * len(PURPOSES) * 5


def test_absent_and_forbidden_are_refused_by_the_same_word(world):
    counsellor = world["lyon", "counsellor"]
    person, own = file_of(world["paris", "counsellor"]), file_of(counsellor, "lyon")
    for who in (person, uuid4()):
        with refused("not_yours"):
            counsellor.opens(who, "duplicate_review")
    assert counsellor.opens(own, "duplicate_review")


def test_a_task_is_for_one_s_own_person_and_time(world):
    one, other = world["paris", "counsellor"], Colleague("paris", "counsellor")
    person = file_of(one)
    with acting(one.secret):
        operations.join_team(person, one.id)
        task = take_up(one.id, person, "case_work", at=NOW)
        past = take_up(one.id, person, "case_work", at=NOW - timedelta(hours=20))
    assert one.opens(person, task=task)
    with refused("not_yours"):
        other.opens(person, task=task)
    with refused("not_yours"):
        one.opens(person, task=past)
    with acting(one.secret):
        operations.close_task(task, at=NOW)
    with refused("not_yours"):
        one.opens(person, task=task)
    with refused("not_yours"), acting(other.secret):
        take_up(one.id, person, "case_work", at=NOW)


@pytest.mark.parametrize("how", ["ended", "left", "expired", "idle", "unknown", "empty", "roles"])
def test_without_a_session_that_lasts_nothing_opens(world, how):
    counsellor = world["paris", "counsellor"]
    person = file_of(counsellor)
    assert counsellor.opens(person, "duplicate_review")
    match how:
        case "ended":
            operations.end_session(counsellor.secret, at=NOW)
        case "left":
            assert operations.leave(counsellor.id, by=None, at=NOW)
        case "expired":
            counsellor.secret = operations.begin_session(counsellor.id, "passkey", at=NOW - timedelta(hours=13))
        case "idle":
            counsellor.secret = operations.begin_session(counsellor.id, "passkey", at=NOW - timedelta(minutes=31))
        case "unknown":
            counsellor.secret = "x" * 43
        case "empty":
            counsellor.secret = ""
        case "roles":
            operations.change_roles(counsellor.id, ["auditor"], by=None, at=NOW)
    assert queries.actor(counsellor.secret, at=NOW) is None
    with pytest.raises(Forbidden), transaction.atomic():
        counsellor.opens(person, "duplicate_review")


def test_words_are_asked_for_where_a_look_is_unusual_and_only_there(world):
    counsellor = world["paris", "counsellor"]
    person = file_of(counsellor)
    for purpose, known in PURPOSES.items():
        with acting(counsellor.secret):
            if known.needs:
                with pytest.raises(Refused, match=r"^(reason|basis): is missing"):
                    take_up(counsellor.id, person, purpose, reason="  asked  ", at=NOW)
            else:
                take_up(counsellor.id, person, purpose, at=NOW)
    with acting(counsellor.secret), pytest.raises(Refused, match=r"^purpose: 'curiosity' is none; one of case_work"):
        take_up(counsellor.id, person, "curiosity", at=NOW)


def test_the_glass_is_broken_by_two_and_three_are_told(world):
    counsellor, supervisor = world["lyon", "counsellor"], world["paris", "supervisor"]
    person = file_of(world["paris", "counsellor"])
    with acting(counsellor.secret):
        task = take_up(counsellor.id, person, "break_glass", reason=WORDS, at=NOW)
    with refused("not_approved"):
        counsellor.opens(person, "break_glass", task=task)
    for who, seen_by in ((counsellor, 1), (supervisor, 1), (Colleague("lyon", "counsellor"), 0)):
        with acting(who.secret):
            assert [one.task for one in queries.waiting_for_approval()] == [task] * seen_by
    for nobody in (counsellor, world["paris", "administrator"], Colleague("paris", "counsellor")):
        with refused("not_yours"), acting(nobody.secret):
            operations.approve(task)
    with acting(supervisor.secret):
        position = operations.approve(task)
    with refused("not_yours"), acting(world["lyon", "supervisor"].secret):
        operations.approve(task)
    assert counsellor.opens(person, "break_glass", purposes.GROUPS, task) == position + 1
    with acting(world["lyon", "data_protection_officer"].secret):
        approval, seen = queries.log_of(person)
        assert newest(person) == [seen, approval]
        assert newest()[1:] == [approval]
        (notice,) = queries.notices()
        assert (notice.about, notice.staff, notice.person) == ("break_glass", counsellor.id, person)
        operations.note_seen(notice.id, at=NOW)
        assert queries.notices() == []
    assert (approval.kind, approval.staff, approval.body["for"]) == ("approval", supervisor.id, str(counsellor.id))
    assert (seen.kind, seen.body["reason"]) == ("look", WORDS)


def test_one_file_after_the_other_is_slowed_down_and_told(world):
    counsellor = world["paris", "counsellor"]
    people = [file_of(counsellor) for _ in range(32)]
    for person in people[:30]:
        counsellor.opens(person, "duplicate_review")
    with refused("too_many_files"):
        counsellor.opens(people[30], "duplicate_review")
    assert counsellor.opens(people[0], "duplicate_review"), "a file that was open goes on"
    assert Colleague("paris", "counsellor").opens(people[31], "duplicate_review"), "a colleague goes on"
    with acting(world["paris", "data_protection_officer"].secret), connection.cursor() as cursor:
        cursor.execute("select about, staff from access_notice")
        assert cursor.fetchall() == [("many_files", counsellor.id)]


def test_a_look_is_held_back_for_a_time_on_a_basis_and_that_is_logged(world):
    counsellor, officer = world["paris", "counsellor"], world["paris", "data_protection_officer"]
    person = file_of(counsellor)
    position = counsellor.opens(person, "duplicate_review")
    until = NOW + timedelta(days=30)
    with acting(officer.secret):
        held = operations.hold_back(position, until, "Code de procédure pénale, art. 60-1")
        assert [entry.kind for entry in queries.log_of(person)] == ["look", "hold"]
    assert held == position + 1
    for who, at, basis, code in (
        (counsellor, until, "art. 60-1", "not_yours"),
        (officer, NOW + timedelta(days=400), "art. 60-1", "hold_too_long"),
        (officer, NOW - timedelta(days=1), "art. 60-1", "hold_too_long"),
        (officer, until, "", "no_basis"),
    ):
        with refused(code), acting(who.secret):
            operations.hold_back(position, at, basis)


@given(
    reason=st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=10).filter(
        lambda t: len(t.strip()) >= 10
    )
)
def test_what_is_committed_to_is_canonical_json(django_db_setup, django_db_blocker, reason):
    import json

    with django_db_blocker.unblock(), transaction.atomic():
        operations.set_office("paris", "Paris", "Europe/Paris", by=None)
        counsellor = Colleague("paris", "counsellor")
        person = file_of(counsellor)
        with acting(counsellor.secret):
            task = take_up(counsellor.id, person, "support_at_request", reason=reason, at=NOW)
            look(task, ["names", "contact"])
            (entry,) = queries.log_of(person)
            with connection.cursor() as cursor:
                cursor.execute("select body from access_log where position = %s", [entry.position])
                (body,) = cursor.fetchone()
        transaction.set_rollback(True)
    assert body.encode() == rfc8785.dumps(json.loads(body))
    assert entry.body["reason"] == reason.strip()
    assert entry.body["groups"] == ["names", "contact"]
    assert (entry.body["position"], entry.body["purposes"]) == (entry.position, "1")
    assert "\n" not in body


HOSTILE = [
    "insert into access_log select * from access_log",
    "update access_log set staff = gen_random_uuid()",
    "delete from access_log",
    "truncate access_log",
    "insert into access_log values (99, now(), 'look', gen_random_uuid(), '{person}', '{{names}}', null, '', pg_current_xact_id(), now(), pg_postmaster_start_time())",
    "select access_write('look', gen_random_uuid(), '{person}', '{{names}}', null, '{{}}')",
    "update access_task set approved_by = gen_random_uuid()",
    "update access_task set purpose = 'legal_duty'",
    "insert into access_task (approved_by) values (gen_random_uuid())",
    """insert into access_task (id, purpose, person, staff, opened_at, ends_at, basis, reason) values
    (gen_random_uuid(), 'case_work', '{person}', gen_random_uuid(), now(), 'infinity', '', '')""",
    "update access_purpose set groups = '{{names,birth,contact,documents,notes}}'",
    "insert into access_purpose_role values ('case_work', 'administrator', 'any')",
    "update access_limits set people_an_hour = 1000000",
    "alter table access_log disable row level security",
    "create policy mine on access_log using (true)",
    "alter table access_log disable trigger all",
    "drop table access_hold",
    "set role wayfare_owner",
    "delete from access_notice",
    "delete from access_session",
    "update access_session set staff = gen_random_uuid()",
    "update access_file set office = 'lyon'",
]


def test_a_hostile_session_of_the_database_changes_nothing_and_sees_nothing(fresh_database):
    """With the application's own password, and the secret of a counsellor in hand."""
    operations.set_office("paris", "Paris", "Europe/Paris", by=None)
    counsellor = Colleague("paris", "counsellor")
    person = file_of(counsellor)
    counsellor.opens(person, "duplicate_review")
    with psycopg.connect(fresh_database("wayfare_app"), autocommit=True) as thief:
        for table in ("file", "task", "log", "team", "hold", "notice"):
            assert thief.execute(f"select count(*) from access_{table}").fetchone() == (0,), table
        for secret in ("", counsellor.secret):
            thief.execute("select set_config('app.session', %s, false)", [secret])
            for statement in HOSTILE:
                try:
                    thief.execute(statement.format(person=person))
                except psycopg.errors.InsufficientPrivilege:
                    continue
                pytest.fail(statement)
        seen = thief.execute("select kind from access_log order by position").fetchall()
        assert seen == [("joined",), ("session",), ("look",)], "what one did oneself one sees"
    with psycopg.connect(fresh_database("wayfare_owner"), autocommit=True) as owner:
        for statement in ("delete from access_log", "update access_log set at = now()", "truncate access_log"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="the record of looks is for ever"):
                owner.execute(statement)
    with psycopg.connect(fresh_database("wayfare_reader")) as reader:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("select from access_log")


def test_looks_at_once_have_positions_without_gaps_in_the_order_of_their_commits(fresh_database):
    operations.set_office("paris", "Paris", "Europe/Paris", by=None)
    colleagues = [Colleague("paris", "counsellor") for _ in range(6)]
    person = file_of(colleagues[0])
    positions: list[int] = []

    def work(colleague):
        try:
            for n in range(20):
                if n % 5:
                    positions.append(colleague.opens(person, "duplicate_review"))
                else:  # a look that is refused leaves no hole
                    with pytest.raises(Forbidden):
                        colleague.opens(person, "duplicate_review", ["contact"])
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, colleagues))
    assert sorted(positions) == list(range(min(positions), min(positions) + 6 * 16))
    with psycopg.connect(fresh_database("wayfare_owner")) as owner:
        assert owner.execute("select count(*) = max(position), max(position) from access_log").fetchone() == (
            True,
            max(positions),
        )


def test_a_session_lasts_no_longer_than_its_transaction(fresh_database):
    operations.set_office("paris", "Paris", "Europe/Paris", by=None)
    counsellor = Colleague("paris", "counsellor")
    person = file_of(counsellor)
    with acting(counsellor.secret), connection.cursor() as cursor:
        cursor.execute("select count(*) from access_file where person = %s", [person])
        assert cursor.fetchone() == (1,)
    with pytest.raises(ZeroDivisionError), acting(counsellor.secret):
        1 / 0  # noqa: B018
    with connection.cursor() as cursor:
        cursor.execute("select count(*), current_setting('app.session', true) from access_file")
        assert cursor.fetchone() == (0, "")
    with transaction.atomic():
        with acting(counsellor.secret):
            pass
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from access_file")
            assert cursor.fetchone() == (0,), "nor within a longer one"


def test_another_error_of_the_database_is_not_called_forbidden(world):
    with pytest.raises(DatabaseError), transaction.atomic():
        operations.begin_session(uuid4(), "by magic", at=NOW)


class Leaks:
    """Threads that take turns on few connections, each as one colleague of one of two offices; what each saw wrongly."""

    def __init__(self, colleagues, files):
        self.colleagues, self.files = colleagues, files
        self.wrong: list[str] = []

    def work(self, number):
        chance = random.Random(number)
        for _ in range(1_250):
            office, colleague = chance.choice(self.colleagues)
            if chance.random() < 0.2:
                self.see("", None)
            elif chance.random() < 0.1:
                with pytest.raises(ZeroDivisionError), self.begun(colleague):
                    1 / 0  # noqa: B018
            else:
                with self.begun(colleague):
                    self.see(office, colleague)
            connection.close()  # as at the end of a request: it goes back to the pool

    def begun(self, colleague):
        return acting(colleague.secret)

    def see(self, office, colleague):
        with connection.cursor() as cursor:
            cursor.execute("select array(select person from access_file), access_actor()")
            people, actor = cursor.fetchone()
        if set(people) != set(self.files.get(office, ())) or actor != (colleague.id if colleague else None):
            self.wrong.append(f"{office}: {people} as {actor}")


def leaks(fresh_database, kind):
    files: dict[str, list[UUID]] = {}
    colleagues = []
    for office in ("paris", "lyon"):
        operations.set_office(office, office, "Europe/Paris", by=None)
        colleagues += [(office, Colleague(office, "counsellor")) for _ in range(2)]
        files[office] = [file_of(colleagues[-1][1], office) for _ in range(2)]
    found = kind(colleagues, files)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(found.work, range(8)))
    return found.wrong


@pytest.mark.slow
def test_10_000_interleaved_requests_on_pooled_connections_leak_no_context(fresh_database):
    assert leaks(fresh_database, Leaks) == []


class Leaky(Leaks):
    @contextmanager
    def begun(self, colleague):
        """Set the session for the connection instead of for the transaction: what the pool keeps, it lends on."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("select set_config('app.session', %s, false)", [colleague.secret])
            yield


@pytest.mark.slow
def test_control_a_session_set_for_the_connection_would_leak(fresh_database):
    assert leaks(fresh_database, Leaky) != []


def test_a_role_that_no_policy_binds_opens_nothing(fresh_database):
    operations.set_office("paris", "Paris", "Europe/Paris", by=None)
    counsellor = Colleague("paris", "counsellor")
    person = file_of(counsellor)
    there = connections["default"].settings_dict
    owner = {name: connections["owner"].settings_dict[name] for name in ("USER", "PASSWORD")}
    kept = {name: there[name] for name in owner}
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    there.update(owner)
    try:
        with pytest.raises(operations.Unbound, match="does not bind"), acting(counsellor.secret):
            pytest.fail(f"{person} was about to be opened")
    finally:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
        there.update(kept)
    assert counsellor.opens(person, "duplicate_review")


@pytest.mark.parametrize(
    ("purpose", "opened", "hours", "basis"),
    [
        ("duplicate_review", "now()", 3, ""),
        ("duplicate_review", "now() + interval '2 hours'", 1, ""),
        ("support_at_request", "now()", 1, ""),
        ("legal_duty", "now()", 1, "  art. 1   "),
    ],
)
def test_a_task_that_no_code_of_ours_made_holds_to_its_purpose_too(world, purpose, opened, hours, basis):
    supervisor = world["paris", "supervisor"]
    person = file_of(supervisor)
    with acting(supervisor.secret), connection.cursor() as cursor:
        cursor.execute(
            "insert into access_task (id, purpose, person, staff, opened_at, ends_at, basis, reason) values"
            f" (gen_random_uuid(), %s, %s, %s, {opened}, {opened} + make_interval(hours => %s), %s, '') returning id",
            [purpose, person, supervisor.id, hours, basis],
        )
        (task,) = cursor.fetchone()
    with refused("not_yours"):
        supervisor.opens(person, purpose, task=task)
    assert supervisor.opens(person, purpose), "the control: a task made as tasks are made"


def test_a_page_tells_a_look_as_it_was_committed_to(fresh_database):
    operations.set_office("paris", "Paris", "Europe/Paris", by=None)
    counsellor, officer = Colleague("paris", "counsellor"), Colleague("paris", "data_protection_officer")
    person = file_of(counsellor)
    counsellor.opens(person, "duplicate_review")
    with connections["owner"].cursor() as owner:
        owner.execute("alter table access_log disable trigger user")
        owner.execute(
            "update access_log set staff = %s, groups = '{notes}', at = now() where kind = 'look'", [officer.id]
        )
    with acting(officer.secret):
        (entry,) = queries.log_of(person)
    assert (entry.staff, entry.groups) == (counsellor.id, ("names",))
