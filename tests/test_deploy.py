"""What `deploy/` calls exists: commands, settings, files, addresses."""

from __future__ import annotations

import configparser
import http.client
import importlib.machinery
import importlib.util
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import pytest
import yaml

from wayfare.site import settings
from wayfare.site.asgi import LIVE
from wayfare.site.cli import root
from wayfare.site.tests.test_embedded import wait

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
SETTINGS = set(re.findall(r"`([A-Z_]+)`", settings.__doc__ or "")) | {"WAYFARE_ENVIRONMENT"}


def read(unit: Path) -> list[tuple[str, str]]:
    """Return the settings of a unit in order; a name may stand more than once."""
    lines = [line for line in unit.read_text().splitlines() if line and line[0] not in "#["]
    return [(name, value) for name, _, value in (line.partition("=") for line in lines)]


def resolve(words: list[str]) -> click.Command:
    """Return the command that a command line names, its options checked, without running it."""
    command: click.Command = root
    context = click.Context(command, info_name="wayfare")
    while isinstance(command, click.Group):
        context = click.Context(command, info_name="wayfare", resilient_parsing=True)
        name, *words = words
        found = command.get_command(context, name)
        assert found is not None, name
        command = found
    command.make_context(command.name, list(words))
    return command


def command_lines() -> list[list[str]]:
    """Return each call of `wayfare` in the units, the container file and the compose file."""
    found = [shlex.split(value)[1:] for unit in UNITS for name, value in read(unit) if name == "ExecStart"]
    container = (DEPLOY / "Containerfile").read_text()
    found.append(yaml.safe_load(re.search(r"^CMD (\[.*\])$", container, re.MULTILINE)[1]))
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return found + [service["command"] for service in services.values() if "command" in service]


def test_there_is_something_to_call():
    assert len(command_lines()) >= 5


@pytest.mark.parametrize("words", command_lines(), ids=" ".join)
def test_every_command_exists_with_its_options(words):
    assert resolve(words).callback is not None


@pytest.mark.parametrize("words", [["upp"], ["up", "--prot", "1"], ["ledger", "verfy"]])
def test_a_wrong_command_would_be_found(words):
    with pytest.raises((AssertionError, click.UsageError)):
        resolve(words)


def environment_names() -> set[str]:
    units = {
        pair.split("=")[0]
        for unit in UNITS
        for name, value in read(unit)
        if name == "Environment"
        for pair in value.split()
    }
    example = set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "wayfare.env.example").read_text(), re.MULTILINE))
    container = set(re.findall(r"\b(WAYFARE_[A-Z_]+)=", (DEPLOY / "Containerfile").read_text()))
    return units | example | container


def test_every_setting_that_is_set_is_one():
    assert {"DATABASE_URL", "WAYFARE_HOME"} <= environment_names()
    assert environment_names() <= SETTINGS


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_can_be_read_and_starts_what_is_there(unit):
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read(unit)
    assert parser.sections()
    for name, value in read(unit):
        if name == "ExecStart":
            program = Path(value.split()[0])
            assert program.parent == Path("/opt/wayfare")
            assert (ROOT / program.name).stat().st_mode & 0o100


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_nothing_to_complain_of(tmp_path):
    """With the paths of this checkout, because those of an installation do not exist here."""
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/wayfare/wayfare", str(ROOT / "wayfare")))
    verify = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / unit.name) for unit in UNITS)]
    done = subprocess.run(verify, capture_output=True, text=True)
    ours = [line for line in done.stderr.splitlines() if "wayfare" in line and "Unit not found" not in line]
    assert not ours, done.stderr


def test_systemd_would_complain_of_a_mistake(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    (tmp_path / "wrong.service").write_text("[Service]\nType=sometimes\nExecStart=/no/such/thing\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / "wrong.service")], capture_output=True, text=True
    )
    assert "wrong.service" in done.stderr


def test_the_image_copies_what_is_there_and_installs_from_the_lock():
    container = (DEPLOY / "Containerfile").read_text()
    for line in re.findall(r"^COPY (.+)$", container, re.MULTILINE):
        *sources, _ = line.split()
        for source in sources:
            assert (ROOT / source).exists(), source
    assert "requirements.lock" in container
    assert re.search(r"^USER wayfare$", container, re.MULTILINE), "nothing runs as root"
    assert re.findall(r"^FROM (\S+)$", container, re.MULTILINE) == ["python:3.11-slim"]


def test_compose_names_only_what_it_defines():
    whole = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    for name, service in whole["services"].items():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source in whole["volumes"] or (DEPLOY / source).is_file(), name
        for needed in service.get("depends_on", {}):
            assert needed in whole["services"]
        for secret in service.get("secrets", []):
            assert secret in whole["secrets"]
        if "build" in service:
            assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).resolve().exists()


@pytest.mark.parametrize("path", ["/departures/all/live", "/api/v1/programmes/fra/live"])
def test_the_proxy_does_not_hold_live_updates_back(path):
    text = (DEPLOY / "nginx.conf").read_text()
    pattern, block = re.search(r"location ~ (\S+) \{(.*?)\}", text, re.DOTALL).groups()
    assert re.fullmatch(pattern, path)
    assert LIVE.fullmatch(path)
    assert "proxy_buffering off;" in block
    assert text.count("{") == text.count("}")


def test_the_proxy_leads_nobody_with_a_token_on_from_plain_http():
    plain, tls = (DEPLOY / "nginx.conf").read_text().split("listen 443", 1)
    assert re.search(r"location /api/ \{\s+return 403;\s+\}", plain)
    assert "return 403" not in tls
    assert "return 301" not in re.search(r"location /api/ \{(.*?)\}", plain, re.DOTALL)[1]


def weak(ciphers: str) -> list[str]:
    """Return the ciphers of a list without forward secrecy or without authentication of what they encipher."""
    known = [one for one in ciphers.split(":") if one]
    return [one for one in known if not re.fullmatch(r"ECDHE-(RSA|ECDSA)-(AES\d+-GCM-SHA\d+|CHACHA20-POLY1305)", one)]


def test_the_proxy_offers_strong_ciphers_alone():
    text = (DEPLOY / "nginx.conf").read_text()
    assert re.findall(r"ssl_protocols ([^;]+);", text) == ["TLSv1.2 TLSv1.3"]
    (ciphers,) = re.findall(r"ssl_ciphers ([^;]+);", text)
    assert weak(ciphers) == []
    assert weak("ECDHE-RSA-AES128-SHA:AES128-GCM-SHA256:RC4-SHA") == [
        "ECDHE-RSA-AES128-SHA",
        "AES128-GCM-SHA256",
        "RC4-SHA",
    ]
    assert "ssl_session_tickets off;" in text


def test_the_proxy_says_nothing_that_the_application_says():
    """Two headers of one name would be two policies."""
    from wayfare.common.web.headers import safety

    text = (DEPLOY / "nginx.conf").read_text().lower()
    assert [name for name in safety(https=True) if name.lower() in text] == []


def test_the_password_of_the_example_is_refused(monkeypatch, tmp_path):
    found = re.search(r"^DATABASE_URL=(.+)$", (DEPLOY / "wayfare.env.example").read_text(), re.MULTILINE)[1]
    monkeypatch.setenv("DATABASE_URL", found)
    with pytest.raises(settings.SettingError, match="password of the example"):
        settings._databases(tmp_path)
    monkeypatch.setenv("DATABASE_URL", found.replace("change-me", "quite-another"))
    assert settings._databases(tmp_path)["owner"]["PASSWORD"] == "quite-another"


@pytest.mark.parametrize(
    ("host", "query", "wanted"),
    [
        ("db.example:5432", "", ("verify-full", "system")),
        ("db.example", "?sslrootcert=/etc/ca.pem", ("verify-full", "/etc/ca.pem")),
        ("database", "?sslmode=disable", ("disable", "system")),
        ("127.0.0.1:5432", "", (None, None)),
        ("localhost", "", (None, None)),
        ("", "?host=/run/postgresql", (None, None)),
    ],
)
def test_a_database_elsewhere_is_spoken_to_by_verified_tls(monkeypatch, tmp_path, host, query, wanted):
    monkeypatch.setenv("DATABASE_URL", f"postgresql://u:p@{host}/wayfare{query}")
    for alias in settings._databases(tmp_path).values():
        assert (alias["OPTIONS"].get("sslmode"), alias["OPTIONS"].get("sslrootcert")) == wanted


def test_the_image_holds_no_tests():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "**/tests" in ignored
    assert "wayfare" not in ignored
    assert not {"src", "src/**", "*"} & set(ignored)


def example_of_the_proxy(**changes: str) -> str:
    """Return the example without its certificate, with parts replaced."""
    text = (DEPLOY / "nginx.conf").read_text()
    text = re.sub(r"(?m)^ +ssl_certificate.*\n", "", text).replace(" ssl http2;", " http2;")
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


needs_nginx = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")


@needs_nginx
def test_nginx_can_read_its_file(tmp_path):
    (tmp_path / "nginx.conf").write_text(f"events {{}}\nhttp {{\n{example_of_the_proxy()}\n}}\n")
    done = subprocess.run(["nginx", "-t", "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True)
    assert "syntax is ok" in done.stderr, done.stderr


class Proxy:
    """nginx with the example, before a server that is not there: what it lets through is answered 502."""

    def __init__(self, folder: Path, **changes: str) -> None:
        with socket.socket() as one, socket.socket() as two:
            for probe in (one, two):
                probe.bind(("127.0.0.1", 0))
            self.port, away = one.getsockname()[1], two.getsockname()[1]
        text = example_of_the_proxy(**changes)
        text = re.sub(r"(?m)^ +listen \[::\].*\n", "", text)
        text = re.sub(r"listen 80;", f"listen 127.0.0.1:{away};", text)
        text = re.sub(r"listen 443 http2;", f"listen 127.0.0.1:{self.port};", text)
        text = text.replace("127.0.0.1:8000", "127.0.0.1:9").replace("/var/log/nginx", str(folder))
        (folder / "nginx.conf").write_text(
            f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\nhttp {{\n{text}\n}}\n"
        )
        self.folder = folder
        command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait(lambda: self.ask("/") == 502, "nginx answers", 10)

    def ask(self, path: str, **headers: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path, headers=headers)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def limited(self, **headers: str) -> int:
        """Return how many of 300 requests at once were refused."""
        return [self.ask("/", **headers) for _ in range(300)].count(429)

    def said(self) -> str:
        return "".join(path.read_text() for path in self.folder.glob("*.log"))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def proxy(tmp_path):
    running: list[Proxy] = []

    def run(**changes: str) -> Proxy:
        folder = tmp_path / str(len(running))
        folder.mkdir()
        running.append(Proxy(folder, **changes))
        return running[-1]

    yield run
    for one in running:
        one.stop()


@needs_nginx
def test_no_secret_of_a_link_reaches_the_proxys_logs(proxy):
    here = proxy()
    for path in ("/staff/sign-up/s3cret-1/", "/staff/recover/s3cret-2/?x=s3cret-3", "/departures/?q=s3cret-4",
                 "/staff/%73ign-up/s3cret-5"):  # fmt: skip
        assert here.ask(path, Referer="http://x/staff/recover/s3cret-6/") == 502
    wait(lambda: here.said().count("GET") >= 4, "lines are written", 10)
    assert "/staff/sign-up/..." in here.said()
    assert re.search(r'"GET /departures/ ', here.said())
    written = "".join(path.read_text() for path in here.folder.glob("wayfare.log"))
    assert "s3cret" not in written
    assert set(re.findall("s3cret-[0-9]", here.said())) <= {"s3cret-4", "s3cret-6"}
    plain = proxy(**{"wayfare.log wayfare;": "wayfare.log combined;"})
    plain.ask("/staff/sign-up/s3cret-1/")
    wait(lambda: "s3cret-1" in plain.said(), "control: nginx's own format writes it", 10)


@needs_nginx
def test_no_authorization_header_escapes_the_proxys_limit(proxy):
    token = "Bearer wayfare_0123456789abcdef_" + "A" * 43
    assert proxy().limited() > 100
    assert proxy().limited(Authorization="Basic eDp5") > 100
    assert proxy().limited(Authorization="Bearer wayfare") > 100
    assert proxy().limited(Authorization=token) == 0, "who has a token is limited by Wayfare, token by token"
    before = proxy(**{"default $binary_remote_addr;": 'default "";'})
    assert before.limited(Authorization="Basic eDp5") == 0, "control: any header escaped"


def test_the_launcher_installs_uv_by_version_and_hash():
    lock = (ROOT / "requirements-uv.lock").read_text()
    assert re.match(r"uv==[0-9.]+ \\\n", lock)
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", lock)) > 10, "for every kind of machine"
    launcher = (ROOT / "wayfare").read_text()
    installs = re.findall(r'\("install",[^)]*\)|"install",[^)\n]*', launcher)
    assert len(installs) >= 3
    assert all("--require-hashes" in one for one in installs), installs


@pytest.mark.slow
def test_the_launcher_takes_no_uv_whose_hash_differs(tmp_path):
    """The real launcher's function, with a lock that names another hash; then pip installs, more slowly."""
    spec = importlib.util.spec_from_loader(
        "launcher", importlib.machinery.SourceFileLoader("launcher", str(ROOT / "wayfare"))
    )
    assert spec is not None
    launcher = importlib.util.module_from_spec(spec)
    assert spec.loader is not None
    spec.loader.exec_module(launcher)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "environment"], check=True)
    launcher.ENVIRONMENT = tmp_path / "environment"
    launcher.PYTHON = launcher.ENVIRONMENT / "bin" / "python"
    launcher.UV = tmp_path / "other.lock"
    launcher.UV.write_text(
        re.sub(r"sha256:[0-9a-f]{8}", "sha256:00000000", (ROOT / "requirements-uv.lock").read_text())
    )
    assert not launcher.get_uv()
    assert not (launcher.ENVIRONMENT / "bin" / "uv").exists()


def test_the_owner_of_the_composed_database_is_no_superuser():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert "POSTGRES_USER" not in services["database"]["environment"], "the image makes it superuser"
    script = (DEPLOY / "database" / "10-owner.sh").read_text()
    assert re.search(r"create role wayfare_owner login createrole nosuperuser", script)
    assert "database/10-owner.sh:/docker-entrypoint-initdb.d/" in str(services["database"]["volumes"])


def launched(*words, **environment):
    command = [sys.executable, ROOT / "wayfare", *words]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, timeout=120)


def test_the_launcher_says_what_to_do_where_its_environment_cannot_be_made():
    done = launched("--version", WAYFARE_ENVIRONMENT="/dev/null/environment")
    assert done.returncode == 1
    assert done.stderr.decode().count("\n") == 1
    assert "WAYFARE_ENVIRONMENT; or run it as the user whose clone this is" in done.stderr.decode()


@pytest.mark.skipif(os.getuid() != 0 or not Path("/usr/bin/python3.11").exists(), reason="becomes another user")
def test_another_user_of_a_private_clone_is_told_the_mend():
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    try:
        folder.chmod(0o755)
        for name in ("wayfare", "requirements.lock", "pyproject.toml"):
            (folder / name).write_bytes((ROOT / name).read_bytes())
        (folder / ".venv").mkdir(mode=0o700)
        command = ["/usr/bin/python3.11", folder / "wayfare", "--version"]
        done = subprocess.run(
            command, capture_output=True, text=True, user=65534, group=65534, extra_groups=[], cwd="/"
        )
    finally:
        shutil.rmtree(folder)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Permission denied. Put the clone where its users may read it" in done.stderr


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.skipif(not (Path(sys.prefix) / "wayfare-requirements").exists(), reason="the launcher made no environment")
def test_the_launcher_reads_paths_as_utf_8_whatever_the_locale_says(tmp_path):
    """The control is the same command without the launcher."""
    home = tmp_path / "maison-été"
    done = launched("ledger", "status", WAYFARE_HOME=str(home), WAYFARE_ENVIRONMENT=sys.prefix, **ASCII)
    assert f"there is no installation at {home}".encode() in done.stderr
    environment = {**os.environ, **ASCII, "WAYFARE_HOME": str(home), "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "wayfare.site.cli", "ledger", "status"]
    bare = subprocess.run(command, env=environment, capture_output=True, timeout=120)
    assert str(home).encode() not in bare.stderr


def test_a_path_with_accents_is_ascii_where_python_reads_it_by_the_locale():
    spec = importlib.util.spec_from_loader(
        "launcher", importlib.machinery.SourceFileLoader("launcher", str(ROOT / "wayfare"))
    )
    assert spec is not None
    assert spec.loader is not None
    launcher = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(launcher)
    assert launcher.path_line(Path("/opt/wayfare/src")) == "/opt/wayfare/src"
    line = launcher.path_line(Path("/opt/été/src"))
    assert line.isascii()
    before = [*sys.path]
    try:
        exec(line)
        assert sys.path == [*before, "/opt/été/src"]
    finally:
        sys.path[:] = before
