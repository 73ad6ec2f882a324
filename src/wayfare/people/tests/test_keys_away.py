"""Keys that are gone, wrong, older or another home's are told everywhere by that cause, and none is made."""

from __future__ import annotations

import shutil

import pytest
from click.testing import CliRunner
from django.db import connections

from wayfare.access.tests.cast import browser
from wayfare.people import cli, epochs, operations
from wayfare.people.masterkeys import LocalKeys, MasterKeyProblem
from wayfare.people.queries import search
from wayfare.people.tests.cast import NOW, erased, file_data

CAUSES = {
    "gone": ("are missing from", "The keys are missing."),
    "wrong": ("is not the key that the database knows", "belong to another installation, or were changed"),
    "older": ("older than the database", "The keys are an older copy"),
    "other_folder": ("another installation's", "belong to another installation, or were changed"),
}


def spoil(cause, folder):
    """Bring the folder of keys into a state."""
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept)
    if cause == "gone":
        shutil.rmtree(folder)
    if cause == "wrong":
        stranger = LocalKeys(folder.with_name("stranger"))
        stranger.first()
        shutil.copyfile(stranger.folder / "epoch-1", folder / "epoch-1")
    if cause == "older":
        CliRunner().invoke(cli.rotate)
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
    if cause == "other_folder":
        shutil.rmtree(folder)
        LocalKeys(folder).first()


def state(folder):
    """Return every file of the keys, and what the database knows of keys."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else None
    with connections["owner"].cursor() as cursor:
        cursor.execute("select epoch, mark, closed_at, destroyed_at from people_epoch order by epoch")
        return files, cursor.fetchall()


@pytest.fixture
def in_files(request, keys_folder, settings):
    if settings.KEYS_TOKEN is not None:
        pytest.skip("what is compared is the same with a token")
    return keys_folder


@pytest.fixture(params=CAUSES)
def away(request, in_files, counsellor):
    """A person is registered, then the keys are spoilt; gives the cause, the person and a task."""
    person = counsellor.enrols("Maryam Karimi").person
    task = counsellor.task(person)
    assert len(search(counsellor.secret, "Maryam").found) == 1, "the control"
    epochs.check_keys()
    spoil(request.param, in_files)
    return request.param, person, task


def test_every_verb_refuses_by_the_cause_and_makes_nothing(away, in_files, counsellor, supervisor):
    cause, person, task = away
    before = state(in_files)
    verbs = [
        lambda: operations.enrol(file_data("Somebody Else"), at=NOW),
        lambda: operations.opened(task, ["names"]),
        lambda: operations.correct(task, "notes", {"notes": []}, version=1, at=NOW),
        lambda: operations.add_note(task, "She rang.", on=NOW.date()),
    ]
    for verb in verbs:
        with pytest.raises(MasterKeyProblem) as problem, counsellor.acting():
            verb()
        assert problem.value.code == cause
        assert CAUSES[cause][0] in str(problem.value)
        assert "from the backup of the keys" in str(problem.value)
    for alone in (
        lambda: operations.open_once(counsellor.secret, task, ["names"]),
        lambda: search(counsellor.secret, ""),
    ):
        with pytest.raises(MasterKeyProblem) as problem:
            alone()
        assert problem.value.code == cause
    assert state(in_files) == before
    erased(person, supervisor)  # a person is erased without any key


def test_check_and_the_commands_say_the_cause(away, in_files):
    cause, *_ = away
    before = state(in_files)
    with pytest.raises(MasterKeyProblem, match=CAUSES[cause][0]):
        epochs.check_keys()
    for command in (cli.keys, cli.epochs, cli.rotate, cli.rewrap):
        done = CliRunner().invoke(command)
        assert done.exit_code == 1, command.name
        assert CAUSES[cause][0] in done.output, command.name
    assert state(in_files) == before


def test_the_pages_say_the_cause(away, in_files, counsellor):
    cause, _, task = away
    before, client = state(in_files), browser(counsellor)
    answers = [
        client.post("/files/", {"text": "Maryam"}),
        client.get(f"/files/work/{task}"),
        client.get("/files/new"),
    ]
    for answer in answers:
        assert answer.status_code == 503, answer.content.decode()[:2000]
        assert CAUSES[cause][1] in answer.content.decode()
        assert "Nobody was found" not in answer.content.decode()
    assert state(in_files) == before
