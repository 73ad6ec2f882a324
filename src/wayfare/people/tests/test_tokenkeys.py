"""Master keys in a token: files that open with it alone, and never again once its keys are destroyed."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, MechanismFlag

from wayfare.people import epochs, installed
from wayfare.people.masterkeys import IN_CLEAR, IN_MODULE, LocalKeys, MasterKeyProblem
from wayfare.people.sealing import SealRefusal
from wayfare.people.tests.at_once import said_at_once
from wayfare.people.tests.cast import Colleague
from wayfare.people.tests.softhsm import PIN, SoftToken
from wayfare.people.tokenkeys import Sealed, Token, TokenKeys

pytestmark = pytest.mark.token
KEY, PERSON = bytes(range(32)), UUID(int=5)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "keys" / "people"


@pytest.fixture
def keys(token, folder):
    return token.keys(folder)


def problem_of(call, *arguments):
    with pytest.raises(MasterKeyProblem) as problem:
        call(*arguments)
    return problem.value


def code(call, *arguments):
    return problem_of(call, *arguments).code


def secrets_of(keys):
    """Return the secret that each file gives, by its name."""
    return {name: keys._read(name, keys.folder / name) for name in keys.forms()}


def here(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def ids(token):
    with token.token().session() as session:
        return {key[Attribute.ID] for key in session.get_objects()}


# What is kept where ---------------------------------------------------------------------------------------------------


def test_the_first_epoch_is_made_when_it_is_first_asked_for_and_opens_in_another_process_s_place(token, keys, folder):
    assert keys.epochs() == []
    assert keys.first() == 1
    wrapped = keys.wrap(1, PERSON, KEY)
    assert token.keys(folder).unwrap(1, PERSON, wrapped) == KEY
    assert keys.begin_epoch() == 2
    with pytest.raises(SealRefusal):
        keys.unwrap(2, PERSON, wrapped)


def test_files_hold_no_secret_and_are_their_owners_alone(keys, folder):
    keys.first(), keys.index_key()
    assert [(path.name, path.stat().st_mode & 0o777) for path in sorted(folder.iterdir())] == [
        ("epoch-1", 0o600),
        ("index", 0o600),
    ]
    assert folder.stat().st_mode & 0o777 == 0o700
    for name, secret in secrets_of(keys).items():
        assert len(secret) == 32
        assert secret.hex() not in (folder / name).read_text()
    assert keys.forms() == dict.fromkeys(("epoch-1", "index"), IN_MODULE)


def test_each_secret_has_a_key_of_its_own_that_does_not_leave_the_token(token, keys, folder):
    before = ids(token)
    keys.first(), keys.begin_epoch(), keys.index_key()
    mine = {Sealed.of(folder / name).key_id for name in here(folder)}
    assert ids(token) - before == mine
    assert len(mine) == 3
    with token.token().session() as session:
        for key_id in mine:
            key = session.get_key(id=key_id)
            assert key[Attribute.NEVER_EXTRACTABLE]
            assert key[Attribute.ALWAYS_SENSITIVE]
            with pytest.raises(pkcs11.AttributeSensitive):
                assert key[Attribute.VALUE]
            assert not key[Attribute.WRAP]


def test_what_was_opened_once_is_used_without_the_token(token, keys):
    wrapped = keys.wrap(keys.first(), PERSON, KEY)
    away = token.pin_file.rename(token.pin_file.with_suffix(".away"))
    try:
        assert keys.unwrap(1, PERSON, wrapped) == KEY
        assert code(token.keys(keys.folder).unwrap, 1, PERSON, wrapped) == "pin"
    finally:
        away.rename(token.pin_file)


# A folder without its token -------------------------------------------------------------------------------------------


def test_a_folder_without_its_token_opens_nothing(token, keys, folder, tokens_folder):
    wrapped = keys.wrap(keys.first(), PERSON, KEY)
    copied = shutil.copytree(folder, folder.parent / "copied")
    assert token.keys(copied).unwrap(1, PERSON, wrapped) == KEY  # the control: with the token it does
    other = SoftToken(tokens_folder, uuid4().hex[:12])
    assert code(other.keys(copied).unwrap, 1, PERSON, wrapped) == "no_key"
    assert code(LocalKeys(copied).unwrap, 1, PERSON, wrapped) == "in_token"
    assert code(LocalKeys(copied).check) == "in_token"


def test_a_key_destroyed_in_the_token_closes_every_copy_of_its_file(token, keys, folder):
    wrapped = [keys.wrap(epoch, PERSON, KEY) for epoch in (keys.first(), keys.begin_epoch())]
    copied = shutil.copytree(folder, folder.parent / "copied")
    assert token.keys(copied).unwrap(1, PERSON, wrapped[0]) == KEY  # the control
    keys.destroy_epoch(1)
    assert here(folder) == ["epoch-2", "index"]
    assert code(keys.unwrap, 1, PERSON, wrapped[0]) == "no_epoch"
    told = problem_of(token.keys(copied).unwrap, 1, PERSON, wrapped[0])
    assert (told.code, "erase-epoch" in str(told), "restore the token" in str(told)) == ("no_key", True, True)
    assert token.keys(copied).unwrap(2, PERSON, wrapped[1]) == KEY
    assert code(keys.destroy_epoch, 1) == "no_epoch"
    assert code(keys.destroy_epoch, 2) == "newest"
    assert keys.begin_epoch() == 3


def test_an_epoch_whose_key_is_gone_can_be_destroyed(token, keys, folder):
    keys.first(), keys.begin_epoch()
    gone = Sealed.of(folder / "epoch-1").key_id
    with token.token().session() as session:
        session.get_key(id=gone).destroy()
    assert code(token.keys(folder).check) == "no_key"
    keys.destroy_epoch(1)
    token.keys(folder).check()


def test_without_the_token_no_epoch_is_destroyed_half(token, keys, folder):
    keys.first(), keys.begin_epoch()
    before = here(folder)
    away = token.pin_file.rename(token.pin_file.with_suffix(".away"))
    try:
        assert code(keys.destroy_epoch, 1) == "pin"
        assert here(folder) == before
    finally:
        away.rename(token.pin_file)


def swapped(folder, one, other):
    texts = [(folder / name).read_bytes() for name in (one, other)]
    for name, text in zip((other, one), texts, strict=True):
        (folder / name).write_bytes(text)


def altered(folder, change):
    said = Sealed.of(folder / "epoch-1")
    (folder / "epoch-1").write_bytes(change(said))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: swapped(folder, "epoch-1", "epoch-2"),
        lambda folder: swapped(folder, "epoch-1", "index"),
        lambda folder: altered(folder, lambda said: said._replace(key_id=Sealed.of(folder / "epoch-2").key_id).text()),
        lambda folder: altered(
            folder, lambda said: said._replace(sealed=said.sealed[:-1] + bytes([said.sealed[-1] ^ 1])).text()
        ),
        lambda folder: altered(folder, lambda said: said.text()[:-3]),
        lambda folder: altered(folder, lambda said: said.text() + b"more\n"),
        lambda folder: altered(folder, lambda said: b"other\n" + said.text()),
        lambda folder: altered(folder, lambda said: b"\xff\n"),
        lambda folder: altered(folder, lambda said: b""),
    ],
    ids=["epochs", "purposes", "key id", "bit", "cut", "longer", "header", "no text", "empty"],
)
def test_files_that_were_swapped_or_altered_are_refused(token, keys, folder, spoil):
    keys.first(), keys.begin_epoch(), keys.index_key()
    token.keys(folder).check()  # the control
    spoil(folder)
    told = problem_of(token.keys(folder).mark, 1)
    assert (told.code, "backup" in str(told)) == ("unreadable", True)


def test_a_key_that_can_be_taken_out_of_the_token_is_not_used(token, keys, folder):
    key_id = bytes(range(16))
    with token.token().session() as session:
        template = {Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: False}
        able = MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT
        made = session.generate_key(
            KeyType.AES, 256, id=key_id, label="weak", store=True, capabilities=able, template=template
        )
        assert made[Attribute.VALUE]
    folder.mkdir(parents=True, mode=0o700)
    (folder / ".epoch-1.making").write_text(key_id.hex())
    assert code(keys.first) == "weak_key"
    assert here(folder) == [".epoch-1.making"]
    with token.token().session() as session:
        session.get_key(id=key_id).destroy()


# What is set wrong ----------------------------------------------------------------------------------------------------


def pin_file(folder, text=PIN + "\n", mode=0o600):
    file = folder / "pin"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(mode)
    return file


@pytest.mark.parametrize(
    ("text", "mode", "mend"),
    [
        ("wrong\n", 0o600, "write the right one into"),
        ("", 0o600, "write the PIN into it"),
        (f"{PIN}\n{PIN}\n", 0o600, "and no more"),
        (b"\xff\xfe", 0o600, "one line of text"),
        (PIN, 0o640, "chmod 600"),
        (PIN, 0o604, "change the PIN"),
    ],
)
def test_a_pin_that_cannot_be_used_is_told_and_nothing_is_made(token, folder, tmp_path, text, mode, mend):
    keys = TokenKeys(folder, Token(token.module, token.label, pin_file(tmp_path, text, mode)))
    before = ids(token)
    for call in (keys.check, keys.first):
        told = problem_of(call)
        assert (told.code, mend in str(told), "WAYFARE_KEYS_PIN_FILE" in str(told)) == ("pin", True, True)
        assert PIN not in str(told)
    assert here(folder) == []
    assert ids(token) == before


def test_a_pin_file_that_is_not_there_is_told(token, folder, tmp_path):
    told = problem_of(TokenKeys(folder, Token(token.module, token.label, tmp_path / "pin")).first)
    assert (told.code, "No such file" in str(told)) == ("pin", True)
    assert here(folder) == []


def test_a_refused_pin_is_not_tried_again_until_its_file_changes(tokens_folder, folder, tmp_path):
    token = SoftToken(tokens_folder, uuid4().hex[:12])
    keys = TokenKeys(folder, Token(token.module, token.label, pin_file(tmp_path, "another-pin\n")))
    assert code(keys.first) == "pin"
    with token.token().session() as session:
        session.set_pin(PIN, "another-pin")
    assert code(keys.first) == "pin"  # it would be right by now: it was not tried
    pin_file(tmp_path, "another-pin\n\n")
    assert keys.first() == 1


@pytest.mark.parametrize(
    ("module", "label", "mend"),
    [
        ("/nowhere/module.so", None, "does not start"),
        ("/etc/hostname", None, "does not start"),
        (sys.executable, None, "does not start"),
        (None, "another", "--list-token-slots"),
    ],
)
def test_a_token_that_is_not_there_is_told_and_nothing_is_made(token, folder, module, label, mend):
    keys = TokenKeys(folder, Token(module or token.module, label or token.label, token.pin_file))
    for call in (keys.check, keys.first):
        told = problem_of(call)
        assert (told.code, mend in str(told), "WAYFARE_KEYS_TOKEN" in str(told)) == ("token", True, True)
    assert here(folder) == []


@pytest.mark.parametrize(
    ("raised", "expected", "word"),
    [
        (pkcs11.PinLocked(), "pin", "locked"),
        (pkcs11.PinExpired(), "pin", "expired"),
        (pkcs11.UserPinNotInitialized(), "pin", "set one"),
        (pkcs11.MultipleTokensReturned(), "token", "several"),
        (pkcs11.MechanismInvalid(), "token", "AES-256"),
        (pkcs11.TokenWriteProtected(), "token", "written"),
        (pkcs11.DeviceRemoved(), "token", "DeviceRemoved"),
    ],
)
def test_what_a_token_says_is_told_with_the_setting_and_the_mend(token, raised, expected, word):
    with pytest.raises(MasterKeyProblem) as problem, token.token().session():
        raise raised
    assert (problem.value.code, word in str(problem.value)) == (expected, True)
    assert "WAYFARE_KEYS_" in str(problem.value)


def test_a_secret_in_the_clear_is_refused_while_a_token_is_set(token, folder):
    LocalKeys(folder).first()
    told = problem_of(token.keys(folder).check)
    assert (told.code, "people keys --into-token" in str(told)) == ("in_clear", True)


def test_without_the_token_set_nothing_of_it_is_destroyed(keys, folder):
    keys.first(), keys.begin_epoch()
    assert code(LocalKeys(folder).destroy_epoch, 1) == "in_token"
    assert here(folder) == ["epoch-1", "epoch-2", "index"]


# Several at once, and killed half-way ---------------------------------------------------------------------------------

ONE = """
import sys
from pathlib import Path
from wayfare.people.tokenkeys import Token, TokenKeys
keys = TokenKeys(Path(sys.argv[1]), Token(sys.argv[2], sys.argv[3], Path(sys.argv[4])))
sys.stdin.read(1)
print(keys.mark(keys.first()).hex(), keys.index_key().hex())
"""


def test_processes_at_once_make_one_secret_and_one_key(token, folder):
    before = ids(token)
    assert len(said_at_once(4, ONE, [str(folder), token.module, token.label, str(token.pin_file)])) == 1
    assert here(folder) == ["epoch-1", "index"]
    assert len(ids(token) - before) == 2


def test_threads_at_once_open_and_make(token, keys, folder):
    keys.first(), keys.begin_epoch()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda at: token.keys(folder).mark(1 + at % 2), range(16)))
        assert set(found) == {keys.mark(1), keys.mark(2)}
        assert len(set(threads.map(lambda _: keys.index_key(), range(8)))) == 1


def forked(work):
    """Do some work in a child of this process; return how it ended: 0, or the number of the signal, negative."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:  # noqa: BLE001
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_child_of_a_process_that_used_the_token_uses_it_too(token, keys, folder):
    keys.first()
    assert forked(token.keys(folder).check) == 0
    assert forked(lambda: token.keys(folder).mark(7)) == 1  # the control: a failure is seen
    token.keys(folder).check()


def killed_at(step, folder, work):
    """Do some work in a child that is killed just before the step-th time that it touches a file of the folder."""

    def watched():
        count = 0

        def touched(event, arguments):
            nonlocal count
            if event in ("open", "os.link", "os.rename", "os.remove") and str(arguments[0]).startswith(str(folder)):
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(touched)
        work()

    ended = forked(watched)
    assert ended in (0, -signal.SIGKILL)
    return ended != 0


@pytest.fixture
def steps(tokens_folder, tmp_path):
    """Gives each step at which a work was killed: a token of its own, a folder, what was prepared; at last unharmed."""

    def steps(prepare, work):
        token = SoftToken(tokens_folder, uuid4().hex[:12])
        for step in range(1, 200):
            folder = tmp_path / f"step-{step}"
            prepared = prepare(token, folder)
            killed = killed_at(step, folder, lambda folder=folder: work(token, folder))
            yield token, folder, prepared
            if not killed:
                assert step > 5
                return
            token.emptied()
        raise AssertionError("it never came to its end")

    return steps


@pytest.mark.slow
def test_killed_while_an_epoch_is_made_it_is_made_once(steps):
    def make(token, folder):
        token.keys(folder).begin_epoch()
        token.keys(folder).index_key()

    for token, folder, _ in steps(lambda token, folder: None, make):
        keys = token.keys(folder)
        begun = keys.first()
        made = keys.begin_epoch() if begun == 1 else begun
        keys.index_key()
        keys.check()
        assert (made, keys.epochs()) == (2, [1, 2])
        assert ids(token) == {Sealed.of(folder / name).key_id for name in keys.forms()}


def test_killed_while_an_epoch_is_destroyed_the_next_time_does_the_rest(steps):
    def prepare(token, folder):
        token.keys(folder).begin_epoch()

    for token, folder, _ in steps(prepare, lambda token, folder: token.keys(folder).destroy_epoch(1)):
        keys = token.keys(folder)
        keys.check()
        try:
            keys.destroy_epoch(1)
        except MasterKeyProblem as problem:
            assert problem.code == "no_epoch"
        assert here(folder) == ["epoch-2", "index"]
        assert ids(token) == {Sealed.of(folder / name).key_id for name in ("epoch-2", "index")}


# From files to the token ----------------------------------------------------------------------------------------------


def filled(folder):
    """Make a folder of files in the clear; return its secrets by their names."""
    keys = LocalKeys(folder)
    keys.begin_epoch(), keys.index_key()
    return secrets_of(keys)


def in_clear(folder, secrets):
    """Return the files in which some secret stands."""
    return [path.name for path in folder.iterdir() if any(one.hex() in path.read_text() for one in secrets.values())]


def test_files_in_the_clear_are_sealed_into_the_token(token, keys, folder):
    secrets = filled(folder)
    wrapped, mark = LocalKeys(folder).wrap(1, PERSON, KEY), LocalKeys(folder).mark(2)
    assert len(in_clear(folder, secrets)) == 3  # the control
    with (folder / "epoch-1").open() as still_open:
        assert keys.take_over() == ["epoch-1", "epoch-2", "index"]
        assert set(still_open.read()) == {"\0"}  # overwritten, not only removed
    assert in_clear(folder, secrets) == []
    assert secrets_of(token.keys(folder)) == secrets
    assert (keys.unwrap(1, PERSON, wrapped), keys.mark(2)) == (KEY, mark)
    assert here(folder) == ["epoch-1", "epoch-2", "index"]
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600] * 3
    before = [path.read_bytes() for path in sorted(folder.iterdir())]
    assert keys.take_over() == []
    assert [path.read_bytes() for path in sorted(folder.iterdir())] == before


def test_a_process_that_still_has_the_files_sees_that_they_are_sealed(keys, folder):
    filled(folder)
    old = LocalKeys(folder)
    old.check()
    keys.take_over()
    assert code(old.mark, 1) == "in_token"


def test_what_an_older_process_left_in_the_clear_is_overwritten_too(keys, folder):
    secrets = filled(folder)
    for left in (".epoch-2.77.abcd", ".epoch-1.plain", ".index.ending"):
        shutil.copy(folder / "epoch-2", folder / left)
    keys.take_over()
    assert in_clear(folder, secrets) == []
    assert here(folder) == ["epoch-1", "epoch-2", "index"]


@pytest.mark.slow
def test_killed_on_the_way_into_the_token_every_key_opens_and_the_next_time_does_the_rest(steps):
    def prepare(_, folder):
        return filled(folder)

    for token, folder, secrets in steps(prepare, lambda token, folder: token.keys(folder).take_over()):
        keys = token.keys(folder)
        kept = {IN_CLEAR: LocalKeys(folder), IN_MODULE: keys}
        assert {name: kept[form]._read(name, folder / name) for name, form in keys.forms().items()} == secrets
        keys.take_over()
        assert secrets_of(keys) == secrets
        assert in_clear(folder, secrets) == []
        assert [name for name in here(folder) if not name.startswith(".")] == ["epoch-1", "epoch-2", "index"]
        assert ids(token) == {Sealed.of(folder / name).key_id for name in secrets}


def test_nothing_is_moved_into_a_token_that_is_not_there(token, folder):
    secrets = filled(folder)
    keys = TokenKeys(folder, Token(token.module, "another", token.pin_file))
    assert code(keys.take_over) == "token"
    assert secrets_of(LocalKeys(folder)) == secrets
    assert here(folder) == ["epoch-1", "epoch-2", "index"]


# With the database ----------------------------------------------------------------------------------------------------


@pytest.fixture
def vault(fresh_database, folder, token, settings):
    settings.PEOPLE_KEYS = folder
    token.set_in(settings)
    return fresh_database


def opens(colleague, person):
    with colleague.looks(person, "names") as opened:
        return opened.groups["names"].shown().text()


def started_again():
    """Forget what this process opened, as a new one has."""
    installed._in_token.cache_clear()


def test_a_backup_of_folder_and_database_opens_nothing_once_the_token_s_key_is_destroyed(vault, token, folder):
    counsellor = Colleague("paris", "counsellor")
    person = counsellor.enrols("Maryam Karimi").person
    backup = shutil.copytree(folder, folder.parent / "backup")
    ((epoch, wrapped),) = owner_says("select epoch, wrapped from people_key")
    owner_says("create table epochs_before as table people_epoch")
    epochs.rewrap(epochs.begin())
    owner_says("create table epochs_after as table people_epoch")

    def put_back():
        shutil.rmtree(folder)
        shutil.copytree(backup, folder)
        owner_says("update people_key set epoch = %s, wrapped = %s", epoch, wrapped)
        owner_says("delete from people_epoch")
        owner_says("insert into people_epoch table epochs_before")
        started_again()

    newer = shutil.copytree(folder, folder.parent / "newer")
    put_back()
    assert opens(counsellor, person) == "Maryam Karimi"  # the control: while the token has the key
    shutil.rmtree(folder)
    shutil.copytree(newer, folder)
    owner_says("delete from people_epoch")
    owner_says("insert into people_epoch table epochs_after")
    owner_says("update people_key set epoch = 2")
    epochs.destroy(1)
    put_back()
    assert code(opens, counsellor, person) == "no_key"


def owner_says(query, *parameters):
    with epochs._owner() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall() if cursor.description else []


def test_whoever_keeps_the_token_can_close_the_vault_to_every_process_that_starts(vault, token, folder):
    counsellor = Colleague("paris", "counsellor")
    person = counsellor.enrols("Maryam Karimi").person
    gone = Sealed.of(folder / "epoch-1").key_id
    with token.token().session() as session:
        session.get_key(id=gone).destroy()
    assert opens(counsellor, person) == "Maryam Karimi"  # it is in this process's memory until it ends
    started_again()
    assert code(opens, counsellor, person) == "no_key"
    assert code(counsellor.enrols, "Nur") == "no_key"


def test_an_installation_moves_into_the_token_and_goes_on(fresh_database, folder, token, settings):
    settings.PEOPLE_KEYS = folder
    counsellor = Colleague("paris", "counsellor")
    person = counsellor.enrols("Maryam Karimi").person
    token.set_in(settings)
    assert code(opens, counsellor, person) == "in_clear"
    installed.token_keys().take_over()
    assert opens(counsellor, person) == "Maryam Karimi"
    epochs.rewrap(epochs.begin())
    epochs.destroy(1)
    assert opens(counsellor, person) == "Maryam Karimi"
    assert opens(counsellor, counsellor.enrols("Nur").person) == "Nur"
