"""A correction is an entry of its own, and is read as one by staff and by the person."""

from __future__ import annotations

import re

import psycopg
import pytest

from wayfare.access import queries as staff
from wayfare.people import operations
from wayfare.people.statements import Stale
from wayfare.people.tests.cast import NOW, Colleague, browser, file_data


@pytest.fixture
def made(counsellor):
    return counsellor.enrols("Maryam Karimi")


@pytest.fixture
def officer(vault):
    return Colleague("lyon", "data_protection_officer")


def entries(officer, person):
    with officer.acting():
        return [(one.kind, one.groups) for one in staff.log_of(person) if one.kind != "team"]


def words_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.content.decode()))


def test_a_correction_is_written_with_its_look_and_a_stale_one_is_none(counsellor, officer, made):
    task = counsellor.task(made.person)
    with counsellor.acting():
        operations.correct(task, "names", file_data("Maryam Sultani")["names"], version=1, at=NOW)
    with counsellor.acting():
        operations.add_note(task, "Asked for a map again.", on=NOW.date())
    with pytest.raises(Stale), counsellor.acting():
        operations.correct(task, "names", file_data("Maryam Rahimi")["names"], version=1, at=NOW)
    found = entries(officer, made.person)
    assert found == [
        ("look", ("names", "birth")),
        ("correction", ("names",)),
        ("look", ("notes",)),
        ("correction", ("notes",)),
    ]
    with officer.acting():
        look, correction, *_ = [one for one in staff.log_of(made.person) if one.kind != "team"]
    assert correction.body["look"] == str(look.position)
    assert (correction.staff, correction.body["task"]) == (counsellor.id, str(task))


def test_what_is_changed_beside_our_own_code_is_a_correction_too(vault, counsellor, officer, made):
    """With the application's password and a session: the database writes the entry, not the program."""
    task = counsellor.task(made.person)
    with psycopg.connect(vault("wayfare_app")) as thief:
        thief.execute("select set_config('app.session', %s, true)", [counsellor.secret])
        thief.execute("select access_look(%s, '{contact}', 'page')", [task])
        thief.execute("update people_sealed set version = version + 1, sealed = 'x' where grp = 'contact'")
    assert entries(officer, made.person)[-1] == ("correction", ("contact",))
    with psycopg.connect(vault("wayfare_owner")) as owner:  # the control: without the trigger nothing is said
        owner.execute("alter table people_sealed disable trigger people_sealed_is_corrected")
        owner.commit()
    with psycopg.connect(vault("wayfare_app")) as thief:
        thief.execute("select set_config('app.session', %s, true)", [counsellor.secret])
        thief.execute("select access_look(%s, '{notes}', 'page')", [task])
        thief.execute("update people_sealed set version = version + 1, sealed = 'x' where grp = 'notes'")
    assert entries(officer, made.person)[-1] == ("look", ("notes",))


def test_pages_say_corrected_by_visit_and_the_record_stays_whole(counsellor, supervisor, officer, made):
    client = browser(counsellor)
    at = client.post(f"/files/{made.person}/work", {"purpose": "case_work"}).headers["Location"]
    for _ in range(9):
        assert client.get(at).status_code == 200
    task = at.rsplit("/", 1)[1]
    with counsellor.acting():
        operations.correct(task, "names", file_data("Maryam Sultani")["names"], version=1, at=NOW)
    for path in ("/staff/looks", f"/files/{made.person}/looks"):
        page = browser(supervisor).get(path)
        text = words_of(page)
        if page.content.decode().count('<details class="wf-details"') == 1:  # but for a test at the full hour
            assert "Opened 10 times" in text
        assert "Corrected: names." in text
        assert "opened names and date of birth, nationality and sex to work on the case." in text
    assert len(entries(officer, made.person)) == 11, "each opening is an entry of its own"


def test_files_are_named_by_case_number_to_who_may_know_it(counsellor, supervisor, officer, made):
    with counsellor.looks(made.person, "names"):
        pass
    far = Colleague("lyon", "supervisor")
    assert made.case_number in words_of(browser(supervisor).get("/staff/looks"))
    assert made.case_number in words_of(browser(officer).get("/staff/looks"))
    auditor = browser(Colleague("lyon", "auditor"))
    assert made.case_number not in words_of(auditor.get("/staff/looks"))
    assert f"file {str(made.person)[:8]}" in words_of(auditor.get("/staff/looks"))
    at = browser(counsellor).post(f"/files/{made.person}/work", {"purpose": "case_work"}).headers["Location"]
    assert made.case_number in words_of(browser(counsellor).get(at))
    written = made.case_number.lower().replace("-", "").replace("1", "i").replace("0", "o")
    for number in (made.case_number, written, f" {written} ", str(made.person)):
        page = browser(supervisor).get("/staff/looks", {"person": number})
        assert page.status_code == 200, number
        assert "wf-way__item" in page.content.decode(), number
        assert f'value="{made.case_number}"' in page.content.decode()
    for number in (made.case_number, "2222-2222"):
        hidden = browser(far).get("/staff/looks", {"person": number})
        assert (hidden.status_code, "No file that you may know of" in hidden.content.decode()) == (422, True)


def test_the_approver_reads_which_file_it_is(counsellor, supervisor, officer, made):
    asker = Colleague("lyon", "counsellor")
    task = asker.task(made.person, "break_glass")
    page = words_of(browser(supervisor).get("/staff/requests"))
    for said in (made.case_number, "counsellor of lyon", "Counsellor", "Lyon"):
        assert said in page
    files = browser(asker).get("/files/").content.decode()
    waiting, _, opened = files.partition('id="open"')
    assert f"/files/work/{task}" in waiting
    assert "Waiting for approval" in waiting
    assert f"/files/work/{task}" not in opened
    browser(supervisor).post("/staff/requests", {"approve": str(task)})
    files = browser(asker).get("/files/").content.decode()
    assert f"/files/work/{task}" in files.partition('id="open"')[2]
    assert "Waiting for approval" not in files
    assert "approved your emergency access" in files


def test_who_may_open_a_file_of_another_office_now_knows_its_case_number(counsellor, supervisor, made):
    asker, other = Colleague("lyon", "counsellor"), Colleague("lyon", "counsellor")
    task, short = asker.task(made.person, "break_glass"), f"file {str(made.person)[:8]}"

    def pages(colleague=asker):
        return [words_of(browser(colleague).get(path)) for path in ("/home", "/files/", "/staff/looks")]

    waiting = pages()
    assert [short in page for page in waiting] == [True, True, False]
    assert not any(made.case_number in page for page in waiting), "nobody has approved it yet"
    other.task(made.person, "break_glass")
    browser(supervisor).post("/staff/requests", {"approve": str(task)})
    assert browser(asker).get(f"/files/work/{task}").status_code == 200
    for page in pages():
        assert made.case_number in page
        assert short not in page
    assert made.case_number in words_of(browser(asker).get(f"/files/work/{task}"))
    assert not any(made.case_number in page for page in pages(other)), "the control: theirs waits"
    assert browser(asker).get(f"/files/{made.person}/team").status_code == 404, (
        "the file is of their office no more than before"
    )
    assert browser(asker).post(f"/files/work/{task}/seal").status_code == 302
    ended = pages()
    assert not any(made.case_number in page for page in ended), "the work has ended"
    assert short in ended[2]


def test_changes_to_staff_name_whom_also_who_is_only_invited(vault, officer):
    from wayfare.access.signin import operations as signin

    admin = Colleague("paris", "administrator")
    signin.invite("Amina Haddad", "amina@example.org", "paris", ["counsellor"], by=admin.secret, at=NOW)
    for watcher in (admin, officer, Colleague("lyon", "auditor")):
        page = words_of(browser(watcher).get("/staff/matters"))
        assert "administrator of paris invited Amina Haddad as: Counsellor." in page
    signin.withdraw("amina@example.org", by=admin.secret, at=NOW)
    assert "withdrew the invitation of Amina Haddad" in words_of(browser(officer).get("/staff/matters"))
    with psycopg.connect(vault("wayfare_owner")) as owner:
        bodies = [body for (body,) in owner.execute("select body from access_log").fetchall()]
    assert not [body for body in bodies if "Amina" in body], "no name is in what is committed to"
    with psycopg.connect(vault("wayfare_app"), autocommit=True) as thief:
        thief.execute("select set_config('app.session', %s, false)", [Colleague("paris", "counsellor").secret])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            thief.execute("select * from access_staff_known(array[]::uuid[])")
