"""What is sealed opens for a look and for nobody else: not for a session with the application's password, not elsewhere."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg
import pytest
from django.conf import settings
from django.test import Client

from wayfare.access import operations as access
from wayfare.access import queries as access_queries
from wayfare.access.purposes import GROUPS
from wayfare.access.rules import Forbidden
from wayfare.ledger.rules import Refused
from wayfare.people import operations, queries
from wayfare.people.masterkeys import MasterKeyProblem
from wayfare.people.names import Names
from wayfare.people.rules import read_group
from wayfare.people.sealing import SealRefusal
from wayfare.people.statements import Stale
from wayfare.people.tests.cast import NOW, WORDS, Colleague, asked_erasure, erased, file_data


def rows(vault, query, *parameters, role="wayfare_owner"):
    with psycopg.connect(vault(role), autocommit=True) as connection:
        done = connection.execute(query, parameters)
        return done.fetchall() if done.description else done.rowcount


def test_a_file_is_enrolled_and_opened(vault, counsellor):
    enrolled = counsellor.enrols("Maryam Karimi")
    with counsellor.looks(enrolled.person, *GROUPS) as opened:
        assert opened.groups == {group: read_group(group, value) for group, value in file_data("Maryam Karimi").items()}
        assert opened.versions == dict.fromkeys(GROUPS, 1)
    ((staff, groups, kind),) = rows(vault, "select staff, groups, kind from access_log where kind = 'look'")
    assert (staff, groups, kind) == (counsellor.id, list(GROUPS), "look")


def test_only_what_was_asked_for_is_opened(vault, counsellor):
    person = counsellor.enrols("Maryam Karimi").person
    with counsellor.looks(person, "birth") as opened:
        assert list(opened.groups) == ["birth"]


def test_what_was_not_told_is_sealed_too(vault, counsellor):
    with counsellor.acting():
        enrolled = operations.enrol({"names": file_data("Nur")["names"]}, at=NOW)
    assert (
        rows(
            vault,
            "select count(distinct length(sealed)), count(*) from people_sealed where person = %s",
            enrolled.person,
        )[0][1]
        == 5
    )


def test_no_plaintext_is_in_the_database(vault, counsellor):
    counsellor.enrols("Maryam Karimi")
    tables = [name for (name,) in rows(vault, "select tablename from pg_tables where schemaname = 'public'")]
    everything = "\n".join(str(row) for name in tables for row in rows(vault, f'select t::text from "{name}" t'))
    for secret in ("Maryam", "Karimi", "XK-4711", "45 67 89", "M. K."):
        assert secret not in everything
        assert secret.encode().hex() not in everything
    assert "Paris" in everything  # the control: what is not sealed is found


@pytest.mark.parametrize("role", ["statistician", "administrator", "auditor", "verifier", "travel_officer"])
def test_only_counsellors_and_supervisors_enrol(vault, role):
    with pytest.raises(Forbidden):
        Colleague("paris", role).enrols("Nur")
    assert rows(vault, "select count(*) from people_person") == [(0,)]


def test_without_a_session_nobody_is_enrolled(vault, counsellor):
    counsellor.enrols("Nur")
    for secret in ("", "x" * 43):
        with pytest.raises(Forbidden), access.acting(secret):
            operations.enrol(file_data("Nur"), at=NOW)


def test_a_file_that_is_wrong_is_refused_by_its_field_and_nothing_is_kept(vault, counsellor):
    for data, field in (
        (({}), "names.names"),
        (file_data("Nur") | {"birth": {"told": {"calendar": "gregorian", "year": 2090}}}, "told"),
    ):
        with pytest.raises(Refused) as refused, counsellor.acting():
            operations.enrol(data, at=NOW)
        assert refused.value.field == field
    assert rows(vault, "select count(*) from people_key") == [(0,)]


def test_many_are_enrolled_together_or_not_at_all(vault, counsellor):
    files = [operations.file_from(file_data(f"Name {n}"), at=NOW, family=uuid4()) for n in range(30)]
    with counsellor.acting():
        made = operations.enrol_many(files, at=NOW)
    assert len({one.case_number for one in made}) == 30
    assert rows(vault, "select (select count(*) from people_key), (select count(*) from people_sealed)") == [(30, 150)]
    with counsellor.acting():
        assert operations.enrol_many([], at=NOW) == []


@pytest.mark.parametrize("nobody", [UUID(int=0), UUID(int=2**128 - 1)], ids=["nil", "max"])
@pytest.mark.parametrize("column", ["id", "family"])
def test_neither_nil_nor_max_is_a_person_or_a_family(vault, counsellor, nobody, column):
    with counsellor.acting():
        enrolled = operations.enrol(file_data("Nur"), at=NOW)
    change = f"update people_person set {column} = %s where id = %s"
    with pytest.raises(psycopg.errors.CheckViolation, match="people_person_ids"):
        rows(vault, change, nobody, enrolled.person)
    assert rows(vault, change, uuid4(), enrolled.person) == 1


# The hostile session: the application's password, the application's SQL, somebody's live session ---------------------


@pytest.fixture
def hostile(vault, counsellor):
    """A connection as the application's role, with a counsellor's session set, in one transaction; its people."""
    people = [counsellor.enrols(name).person for name in ("Maryam Karimi", "Nur")]
    tasks = [counsellor.task(person) for person in people]
    with psycopg.connect(vault("wayfare_app")) as connection:

        def begin(secret=counsellor.secret):
            connection.rollback()
            connection.execute("select set_config('app.session', %s, true)", [secret])
            return connection

        yield begin, people, tasks


def seen(connection):
    keys = [person for (person,) in connection.execute("select person from people_key")]
    return keys, list(connection.execute("select person, grp from people_sealed"))


def test_without_a_look_nothing_is_read(hostile):
    begin, _, _ = hostile
    assert seen(begin()) == ([], [])
    assert seen(begin("")) == ([], [])


def test_a_look_opens_its_person_and_its_groups_alone(hostile):
    begin, (one, _), (task, _) = hostile
    connection = begin()
    connection.execute("select access_look(%s, '{names,birth}', 'page')", [task])
    keys, sealed = seen(connection)
    assert keys == [one]
    assert sorted(sealed) == [(one, "birth"), (one, "names")]


@pytest.mark.parametrize("end", ["commit", "rollback", "rollback to savepoint"])
def test_when_the_look_s_transaction_is_over_nothing_is_read(hostile, end):
    begin, _, (task, _) = hostile
    connection = begin()
    connection.execute("savepoint savepoint")
    connection.execute("select access_look(%s, '{names}', 'page')", [task])
    assert seen(connection) != ([], [])
    connection.execute(end)
    assert seen(connection) == ([], [])


def test_another_transaction_s_look_is_no_look_of_mine(hostile, vault):
    begin, _, (task, _) = hostile
    connection = begin()
    connection.execute("select access_look(%s, '{names}', 'page')", [task])
    with psycopg.connect(vault("wayfare_app")) as other:
        assert seen(other) == ([], [])


@pytest.mark.parametrize(
    "statement",
    [
        "select * from people_token",
        "select * from people_mark",
        "insert into people_key values ('{other}', 1, decode(repeat('00', 48), 'hex'))",
        "insert into people_sealed values ('{person}', 'names', 2, 1, '')",
        "insert into people_token values ('{other}', 1, 'paris', '{person}')",
        "update people_key set wrapped = decode(repeat('00', 48), 'hex')",
        "update people_sealed set person = '{other}'",
        "update people_sealed set grp = 'notes'",
        "update people_sealed set version = 3",
        "update people_sealed set sealed = ''",
        "delete from people_key",
        "delete from people_sealed",
        "delete from people_token",
        "truncate people_sealed",
        "update people_person set erased_at = now()",
        "update people_epoch set closed_at = null",
        "update people_limits set searches_a_day = 1000000",
        "delete from people_search_log",
        "update people_search_log set shown = '{{}}'",
        "insert into people_person values ('{other}', 'paris', 'AAAA-AAAA', null, now(), null)",
        "alter table people_key disable row level security",
        "select people_use_epoch(1)",
        "select people_erase('{person}', 1)",
        "select people_show(1, array['{person}']::uuid[])",
        "select * from people_shown(1)",
        "select people_call(1)",
        "select people_number('begins', 1, null)",
        "select nextval('people_try')",
        "select setval('people_call_1', 1)",
        "select people_name_again('{other}', 1, '', '{{}}', '{{}}')",
        "select people_to_write(1, '{other}')",
        "select people_lock_index('paris')",
        "select * from people_found(1, '{{}}')",
        "select * from people_found_by(1, array['{person}']::uuid[])",
        "select people_numbered(1, 'AAAA-AAAA')",
        "select people_note_keys(decode(repeat('00', 16), 'hex'), decode(repeat('00', 16), 'hex'))",
        "set role wayfare_owner",
        "set session authorization wayfare_owner",
    ],
)
def test_with_a_look_at_one_file_the_application_does_nothing_else(hostile, statement):
    begin, (person, other), (task, _) = hostile
    connection = begin()
    connection.execute("select access_look(%s, '{names,birth}', 'page')", [task])
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.IntegrityConstraintViolation)):
        connection.execute(statement.format(person=person, other=other))


def test_an_update_reaches_only_what_is_open(hostile):
    begin, _, (task, _) = hostile
    connection = begin()
    connection.execute("select access_look(%s, '{names}', 'page')", [task])
    assert connection.execute("update people_sealed set version = version + 1").rowcount == 1


def test_the_reader_s_role_reads_nothing(vault, counsellor):
    counsellor.enrols("Nur")
    for table in ("key", "sealed", "token", "mark", "person", "search_log"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows(vault, f"select * from people_{table}", role="wayfare_reader")


def test_offices_see_their_own_people(hostile, vault):
    begin, people, _ = hostile
    lyon = Colleague("lyon", "counsellor")
    theirs = lyon.enrols("Nur").person
    listed = "select id from people_person"
    assert {one for (one,) in begin().execute(listed)} == set(people)
    assert {one for (one,) in begin(lyon.secret).execute(listed)} == {theirs}
    assert begin(Colleague("paris", "administrator").secret).execute(listed).fetchall() == []
    assert begin("").execute(listed).fetchall() == []


# Ciphertext that was moved, by whoever owns the tables --------------------------------------------------------------

SWAPS = {
    "sealed values of two people": "update people_sealed s set sealed = o.sealed from people_sealed o where s.grp = o.grp and s.person <> o.person",
    "sealed values of two groups": "update people_sealed s set sealed = o.sealed from people_sealed o where s.person = o.person and o.grp = 'notes' and s.grp <> 'notes'",
    "keys": "update people_key k set wrapped = o.wrapped from people_key o where k.person <> o.person",
    "keys and sealed values": "update people_key k set wrapped = o.wrapped from people_key o where k.person <> o.person;"
    "update people_sealed s set sealed = o.sealed from people_sealed o where s.grp = o.grp and s.person <> o.person",
    "another version": "update people_sealed set version = 2",
    "another epoch": "update people_sealed set epoch_made = 2",
    "cut short": "update people_sealed set sealed = substring(sealed from 1 for length(sealed) - 1)",
    "emptied": "update people_sealed set sealed = ''",
}


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
def test_what_was_moved_does_not_open(vault, counsellor, swap):
    people = [counsellor.enrols(name).person for name in ("Maryam Karimi", "Nur")]
    for statement in ("alter table people_sealed disable trigger user", *swap.split(";")):
        rows(vault, statement)
    for person in people:
        with pytest.raises(SealRefusal), counsellor.looks(person, "names"):
            pass


def test_what_stays_in_its_place_opens_after_the_owner_wrote_it_anew(vault, counsellor):
    """The control of the moves: the same statement that moves nothing breaks nothing."""
    person = counsellor.enrols("Nur").person
    rows(vault, "alter table people_sealed disable trigger user")
    rows(
        vault,
        "update people_sealed s set sealed = o.sealed from people_sealed o where s.grp = o.grp and s.person = o.person",
    )
    with counsellor.looks(person, "names") as opened:
        assert opened.groups["names"]


def test_an_older_value_in_the_place_of_the_newest_does_not_open(vault, counsellor):
    person = counsellor.enrols("Nur").person
    ((old,),) = rows(vault, "select sealed from people_sealed where grp = 'notes'")
    task = counsellor.task(person)
    with counsellor.acting():
        operations.correct(task, "notes", {"notes": []}, version=1, at=NOW)
    rows(vault, "alter table people_sealed disable trigger user")
    rows(vault, "update people_sealed set sealed = %s where grp = 'notes'", old)
    with pytest.raises(SealRefusal), counsellor.looks(person, "notes"):
        pass


def test_a_row_that_is_missing_is_told(vault, counsellor):
    person = counsellor.enrols("Nur").person
    rows(vault, "delete from people_sealed where grp = 'notes'")
    with pytest.raises(SealRefusal, match="missing"), counsellor.looks(person, "names", "notes"):
        pass


def test_keys_of_another_installation_are_refused_before_anything_is_sealed(vault, counsellor, settings, tmp_path):
    person = counsellor.enrols("Nur").person
    settings.PEOPLE_KEYS = tmp_path / "elsewhere"
    with pytest.raises(MasterKeyProblem) as problem:
        counsellor.enrols("Other")
    assert problem.value.code == "gone"
    assert not settings.PEOPLE_KEYS.exists(), "nothing is made where the database knows keys"
    with pytest.raises(MasterKeyProblem), counsellor.looks(person, "names"):
        pass


# Corrections ------------------------------------------------------------------------------------------------------------


def found(colleague, text, **more):
    return [(one.person, one.initials) for one in queries.search(colleague.secret, text, **more).found]


def test_a_correction_is_a_new_version_and_is_found_by_the_new_name(vault, counsellor):
    person = counsellor.enrols("Maryam Karimi").person
    task = counsellor.task(person)
    with counsellor.acting():
        operations.correct(task, "names", file_data("Zahra Sultani")["names"], version=1, at=NOW)
    with counsellor.looks(person, "names") as opened:
        names = opened.groups["names"]
        assert isinstance(names, Names)
        assert names.shown().text() == "Zahra Sultani"
        assert opened.versions == {"names": 2}
    assert found(counsellor, "Sultani") == [(person, "Z. S.")]
    assert found(counsellor, "Karimi") == []


def test_a_correction_of_what_was_corrected_meanwhile_is_stale(vault, counsellor):
    person = counsellor.enrols("Nur").person
    task = counsellor.task(person)
    with counsellor.acting():
        operations.correct(task, "notes", {"notes": []}, version=1, at=NOW)
    with pytest.raises(Stale), counsellor.acting():
        operations.correct(task, "notes", {}, version=1, at=NOW)
    with counsellor.looks(person, "notes") as opened:
        assert opened.versions == {"notes": 2}


def test_a_correction_is_for_who_may_open(vault, counsellor):
    person = counsellor.enrols("Nur").person
    other = Colleague("paris", "travel_officer")
    task = other.task(person, "travel_booking")
    with pytest.raises(Forbidden) as refused, other.acting():
        operations.correct(task, "notes", {}, version=1, at=NOW)
    assert refused.value.code == "group_not_for_purpose"


# Search -----------------------------------------------------------------------------------------------------------------


def test_a_search_shows_initials_and_case_number_and_opens_nothing(vault, counsellor):
    enrolled = counsellor.enrols("Mohammed Al-Qahtani")
    counsellor.enrols("Li Wei")
    (one,) = queries.search(counsellor.secret, "محمد القحطاني").found
    assert (one.person, one.case_number, one.initials) == (enrolled.person, enrolled.case_number, "M. A. Q.")
    assert found(counsellor, enrolled.case_number.lower().replace("-", " ")) == [(enrolled.person, "M. A. Q.")]
    assert found(counsellor, "Somebody Else") == []
    assert rows(vault, "select count(*) from access_log where kind = 'look'") == [(0,)]


def test_a_search_is_of_the_actor_s_own_office(vault, counsellor):
    enrolled = counsellor.enrols("Maryam Karimi")
    lyon = Colleague("lyon", "counsellor")
    assert found(lyon, "Maryam Karimi") == found(lyon, enrolled.case_number) == []
    assert len(found(counsellor, "Maryam Karimi")) == 1


@pytest.mark.parametrize("role", ["statistician", "administrator", "auditor", "verifier"])
def test_who_opens_no_file_searches_for_none(vault, role):
    with pytest.raises(Forbidden):
        found(Colleague("paris", role), "Nur")


def test_every_search_is_logged_with_whom_it_showed_and_without_what_was_asked(vault, counsellor):
    person = counsellor.enrols("Maryam Karimi").person
    found(counsellor, "Karimi")
    found(counsellor, "Nobody")
    logged = rows(vault, "select staff, office, found, shown from people_search_log order by id")
    assert logged == [(counsellor.id, "paris", 1, [person]), (counsellor.id, "paris", 0, [])]
    assert "Karimi" not in str(rows(vault, "select l::text from people_search_log l"))


def test_whoever_searches_too_often_is_refused_and_others_are_not(vault, counsellor, supervisor):
    for _ in range(20):
        found(counsellor, "Nur")
    with pytest.raises(Forbidden) as refused:
        found(counsellor, "Nur")
    assert refused.value.code == "too_many_searches"
    assert found(supervisor, "Nur") == []
    rows(vault, "update people_search_log set at = at - interval '1 minute'")
    found(counsellor, "Nur")
    rows(vault, "update people_limits set searches_a_day = 21")
    with pytest.raises(Forbidden):
        found(counsellor, "Nur")


def told_of_searches(vault):
    return rows(vault, "select staff from access_notice where about = 'many_searches' order by id")


def test_the_officer_is_told_once_an_hour_who_searches_as_often_as_may_be(vault, counsellor, supervisor):
    for _ in range(19):
        found(counsellor, "Nur")
    found(supervisor, "Nur")
    assert told_of_searches(vault) == []
    found(counsellor, "Nur")
    assert told_of_searches(vault) == [(counsellor.id,)]
    with pytest.raises(Forbidden):
        found(counsellor, "Nur")
    rows(vault, "update people_search_log set at = at - interval '1 minute'")
    for _ in range(20):
        found(counsellor, "Nur")
    assert told_of_searches(vault) == [(counsellor.id,)]
    rows(vault, "update access_notice set at = at - interval '1 hour'")
    rows(vault, "update people_limits set searches_a_day = 41")
    rows(vault, "update people_search_log set at = at - interval '1 minute'")
    found(counsellor, "Nur")
    assert told_of_searches(vault) == [(counsellor.id,)] * 2


def test_the_notice_of_many_searches_is_the_officer_s_alone(vault, counsellor):
    officer = Colleague("paris", "data_protection_officer")
    rows(vault, "update people_limits set searches_a_minute = 1")
    found(counsellor, "Nur")
    with counsellor.acting():
        assert access_queries.notices() == []
    with officer.acting():
        (notice,) = access_queries.notices()
    assert (notice.about, notice.staff, notice.person) == ("many_searches", counsellor.id, None)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "has searched for people as often as is allowed"),
        ("fr", "a recherché des personnes aussi souvent que cela est permis"),
        ("es", "ha buscado a personas tantas veces como se permite"),
        ("ar", "بلغ عدد عمليات البحث عن الأشخاص"),
    ],
)
def test_the_officer_reads_who_searches_too_often_and_marks_it(vault, counsellor, language, said):
    officer = Colleague("paris", "data_protection_officer")
    rows(vault, "update people_limits set searches_a_minute = 1")
    found(counsellor, "Nur")
    rows(vault, "update access_staff set language = %s", language)
    browser = Client(HTTP_HOST="localhost", headers={"accept-language": language})
    browser.cookies[settings.SESSION_COOKIE_NAME] = officer.secret
    page = browser.get("/staff/requests").content.decode()
    assert page.count(said) == 1
    with officer.acting():
        (notice,) = access_queries.notices()
    assert browser.post("/staff/requests", {"seen": str(notice.id)}).status_code == 302
    assert said not in browser.get("/staff/requests").content.decode()


def test_someone_with_two_common_names_one_of_them_mistyped_is_found_among_many(vault, counsellor):
    """Both words have more people than are looked at; the pair of their bones, at one error, has few."""
    crowd = [f"{name} {n}" for n in ("Anders", "Lind") for name in ("Khaled", "Rashid")]
    files = [
        operations.file_from(file_data(name), at=NOW) for name in crowd for _ in range((1 << queries.LEVELS) // 2 + 10)
    ]
    with counsellor.acting():
        operations.enrol_many(files, at=NOW)
        (wanted,) = operations.enrol_many([operations.file_from(file_data("Khaled Rashid"), at=NOW)], at=NOW)
    for text in ("Khaled Rashid", "Khaled Rashd", "Khaled Rasid", "Rashkid Khaled"):
        results = queries.search(counsellor.secret, text)
        assert results.more
        assert results.found[0].person == wanted.person, text


def test_a_common_name_says_so_and_two_words_together_find_one_among_many(vault, counsellor):
    with counsellor.acting():
        operations.enrol_many(
            [operations.file_from(file_data("Maryam Karimi"), at=NOW) for _ in range((1 << queries.LEVELS) + 20)],
            at=NOW,
        )
        (wanted,) = operations.enrol_many(
            [operations.file_from(file_data("Maryam Sultani", born=(1971,)), at=NOW)], at=NOW
        )
    many = queries.search(counsellor.secret, "Maryam")
    assert many.more
    assert len(many.found) == queries.AT_MOST
    assert queries.search(counsellor.secret, "Maryam Sultani").found[0].person == wanted.person
    assert not queries.search(counsellor.secret, "Sultani").more


# Erasure ----------------------------------------------------------------------------------------------------------------


def test_after_erasure_only_what_is_listed_remains(vault, counsellor, supervisor):
    enrolled = counsellor.enrols("Maryam Karimi")
    task = counsellor.task(enrolled.person)
    assert found(counsellor, "Karimi")
    asked = erased(enrolled.person, supervisor)
    with pytest.raises(Forbidden), supervisor.acting():
        operations.erase(asked.id, read_until=asked.read_until)
    with pytest.raises(Forbidden), counsellor.acting():
        operations.opened(task, ["names"])
    assert found(counsellor, "Karimi") == found(counsellor, enrolled.case_number) == []
    for table in ("key", "sealed", "token", "mark"):
        assert rows(vault, f"select count(*) from people_{table}") == [(0,)]
    ((one,),) = rows(vault, "select to_jsonb(p) from people_person p")
    assert {name for name, value in one.items() if value is not None} == {
        name.replace("person", "id") for name in operations.REMAINS
    }
    assert rows(vault, "select count(*) from access_team") == [(0,)]


@pytest.mark.parametrize("who", [("paris", "counsellor"), ("lyon", "supervisor"), ("paris", "administrator")])
def test_only_a_supervisor_of_the_office_or_the_officer_erases(vault, counsellor, who):
    person = counsellor.enrols("Nur").person
    asked = asked_erasure(person)
    for secret in (Colleague(*who).secret, ""):
        with pytest.raises(Forbidden), access.acting(secret):
            operations.erase(asked.id, read_until=asked.read_until)
    with Colleague("lyon", "data_protection_officer").acting():
        assert operations.erase(asked.id, read_until=asked.read_until) == person


def test_absent_and_forbidden_are_refused_alike(vault, counsellor):
    theirs = Colleague("lyon", "counsellor").enrols("Nur").person
    for person in (uuid4(), theirs):
        with pytest.raises(Forbidden) as refused, counsellor.looks(person, "names"):
            pass
        assert refused.value.code == "not_yours"
    assert WORDS


def test_a_table_of_one_s_own_by_the_record_s_name_opens_nothing(vault, counsellor):
    """Where the application's role may make temporary tables, PostgreSQL would look into those first."""
    person = counsellor.enrols("Maryam Karimi").person
    name = vault("wayfare_owner").split("dbname=")[1].split()[0]
    rows(vault, f"grant temporary on database {name} to wayfare_app")
    with psycopg.connect(vault("wayfare_app")) as thief:
        thief.execute("create temporary table access_log (like public.access_log)")
        thief.execute("grant select on pg_temp.access_log to public")
        thief.execute(
            "insert into pg_temp.access_log values (1, now(), 'look', gen_random_uuid(), %s, %s, null, '',"
            " pg_current_xact_id(), now(), pg_postmaster_start_time())",
            [person, list(GROUPS)],
        )
        for table in ("people_key", "people_sealed"):
            assert thief.execute(f"select count(*) from {table}").fetchone() == (0,), table
