"""What people read is true: settings, commands, addresses; and what is translated is whole."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from tests.test_deploy import resolve
from wayfare.site import settings
from wayfare.site.translations import LOCALE, extract

ROOT = Path(__file__).parents[1]
GUIDES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = ("fr", "es", "ar")


def committed() -> list[Path]:
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no checkout")
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


# Settings


def read_by_the_code() -> set[str]:
    """Return the names that the code takes from its environment."""
    names: set[str] = set()
    sources = [path for path in (ROOT / "src").rglob("*.py") if "tests" not in path.relative_to(ROOT).parts]
    for path in [*sources, ROOT / "wayfare"]:
        names |= set(
            re.findall(
                r'(?:environ\.(?:get|setdefault)\(|environ\[|_flag\(|_number\(|_text\(|_bytes\()\s*"([A-Z_]+)"',
                path.read_text(),
            )
        )
    return {name for name in names if name.startswith("WAYFARE_") or name == "DATABASE_URL"}


def in_the_table(text: str) -> dict[str, str]:
    """Return the rows of the table of settings by name."""
    rows = re.findall(r"^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \| (.+) \|$", text, re.MULTILINE)
    return {name: rest for names, rest in rows for name in re.findall(r"`([A-Z_]+)`", names)}


def test_every_setting_is_documented_and_nothing_else_is():
    documented = in_the_table((ROOT / "docs" / "operating.md").read_text())
    assert documented.keys() == read_by_the_code()


def test_the_settings_module_says_the_same():
    documented = in_the_table((ROOT / "docs" / "operating.md").read_text())
    own = in_the_table(settings.__doc__ or "")
    of_the_launcher = {"WAYFARE_ENVIRONMENT", "WAYFARE_SPARK"}
    assert own == {name: rest for name, rest in documented.items() if name not in of_the_launcher}


def test_rates_and_port_are_documented_as_they_are():
    documented = in_the_table((ROOT / "docs" / "operating.md").read_text())
    source = (ROOT / "src" / "wayfare" / "site" / "settings.py").read_text()
    for name, default in re.findall(r'_number\("(\w+)", (\d+),', source):
        assert documented[name].startswith(f"`{default}`"), name


# Commands


def examples(guide: Path) -> list[list[str]]:
    """Return the commands of a guide's console blocks, as words."""
    blocks = re.findall(r"```(?:console|sh)\n(.*?)```", guide.read_text(), re.DOTALL)
    lines = [
        line for block in blocks for line in re.findall(r"^(?:\$ )?(\./wayfare .+|export .+)$", block, re.MULTILINE)
    ]
    return [shlex.split(line, comments=True) for line in lines]


COMMANDS = [(guide, words) for guide in GUIDES for words in examples(guide) if words[0] == "./wayfare"]


@pytest.mark.parametrize(("guide", "words"), COMMANDS, ids=[" ".join(words[1:]) for _, words in COMMANDS])
def test_every_command_in_the_guides_exists(guide, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("entries.jsonl").touch()  # `ledger import` looks for its file as it reads its arguments
    filled = ["0" * 16 if word == "ID" else word for word in words[1:]]
    assert resolve(filled).callback is not None


def test_the_guides_have_commands():
    assert len(COMMANDS) >= 12


def pasted(guide: Path, port: int) -> str:
    """Return the console blocks of a guide as somebody pastes them, but for the commands that run until stopped."""
    blocks = re.findall(r"```(?:console|sh)\n(.*?)```", guide.read_text(), re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    kept = [line for line in lines if not re.match(r"\./wayfare (demo|test|up)\b", line)]
    return "\n".join(kept).replace("localhost:8000", f"localhost:{port}") + "\n"


@contextmanager
def running_demo(folder: Path, environment: dict[str, str]) -> Iterator[int]:
    """Run `wayfare demo` in a folder; yield its port, once it has printed it."""
    demo = subprocess.Popen(
        ["./wayfare", "demo"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert demo.stdout is not None
        told = next(
            (found for line in demo.stdout if (found := re.search(r"up at http://127.0.0.1:(\d+)/", line))), None
        )
        assert told is not None
        yield int(told[1])
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=60)


@pytest.mark.slow
def test_the_examples_of_readme_and_api_run_as_pasted_beside_the_demo(tmp_path):
    """In their order; what runs until it is stopped has tests of its own."""
    (tmp_path / "wayfare").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m wayfare.site.cli "$@"\n')
    (tmp_path / "wayfare").chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WAYFARE_")}
    with running_demo(tmp_path, environment) as port:
        said = {}
        for guide in (ROOT / "README.md", ROOT / "docs" / "api.md"):
            script = pasted(guide, port)
            shell = ["bash", "-e", "-x", "-c", script]
            done = subprocess.run(shell, cwd=tmp_path, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, (guide.name, done.stdout, done.stderr)
            said[guide.name] = done.stdout
    assert "/staff/sign-up/" in said["README.md"], "the link of the invitation"
    assert "month,nationality,departures" in said["README.md"], "the table"
    assert '"status":"accepted"' in said["api.md"].replace(" ", "")
    assert "month,nationality,departures" in said["api.md"]


def test_pasting_leaves_out_only_what_runs_until_stopped():
    script = pasted(ROOT / "README.md", 8123)
    assert "./wayfare ledger verify" in script
    assert "localhost:8123" in script
    assert not re.search(r"^\./wayfare (demo|test|up)\b", script, re.MULTILINE)
    assert pasted(ROOT / "docs" / "api.md", 8123).count("curl ") == 3


# The front door


def test_the_readme_is_of_a_length_that_is_read():
    text = (ROOT / "README.md").read_text()
    assert 70 <= len(text.splitlines()) <= 200
    for part in ("docs/img/live.png", "## Five promises", "## What Wayfare never does", "## Not built yet"):
        assert part in text


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_what_guides_link_to_is_there(guide):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", guide.read_text()):
        if "://" not in target:
            assert (guide.parent / target).exists(), target


def test_pictures_are_light():
    for path in (ROOT / "docs" / "img").iterdir():
        assert path.stat().st_size < 200_000, path.name


REGISTRIES = ("pypi" + ".org", "python" + "hosted", "npm" + "js.", "docker" + ".io", "gh" + "cr.io", "quay" + ".io")
MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home/[a-z])" + r"[/\w]")


def test_no_file_names_a_registry_or_a_place_of_one_machine():
    found = []
    for path in committed():
        if path.suffix in (".png",) or path.name == "LICENSE":
            continue
        text = path.read_text("utf-8")
        found += [f"{path.relative_to(ROOT)}: {host}" for host in REGISTRIES if host in text]
        found += [f"{path.relative_to(ROOT)}: {place}" for place in MACHINE.findall(text)]
    assert not found


def test_a_place_of_one_machine_would_be_found():
    assert MACHINE.search("in /" + "root/x")
    assert MACHINE.search('"/' + 'home/ada/x"')
    assert not MACHINE.search("docs/home/x")


# Languages


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogues_hold_what_the_source_says_no_more_no_less(language):
    with (LOCALE / language / "LC_MESSAGES" / "django.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    wanted = {message.id for message in extract() if message.id}
    assert len(wanted) > 90
    assert {message.id for message in catalogue if message.id} == wanted, "python -m wayfare.site.translations"
    assert not catalogue.obsolete
    for message in catalogue:
        assert not message.fuzzy, message.id
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(forms), message.id
        if message.id:
            assert isinstance(message.string, tuple) == isinstance(message.id, tuple)
            assert len(forms) == (catalogue.num_plurals if isinstance(message.id, tuple) else 1)


def test_in_arabic_a_name_before_a_day_is_isolated():
    """Else the day's number goes with a Latin name's direction, away from its month: "28 (Idris Benali)"."""
    with (LOCALE / "ar" / "LC_MESSAGES" / "django.po").open("rb") as file:
        catalogue = read_po(file, locale="ar")
    seen = 0
    for message in catalogue:
        for text in message.string if isinstance(message.string, tuple) else (message.string,):
            for found in re.finditer(r"(.)%\((?:by|who|name)\)s[^\u0621-\u064a]*%\((?:at|until|since)\)s", text, re.S):
                seen += 1
                assert found[1] == "\u2068", text
    assert seen >= 2


def test_extraction_sees_python_and_templates():
    """The control: strings of each kind of source are found, tests are not."""
    ids = {message.id if isinstance(message.id, str) else message.id[0] for message in extract() if message.id}
    assert {"Pass scanned at the exit", "%(n)s programme", "Back in a moment", "as of entry %(position)s"} <= ids
    assert not any("for the test" in one for one in ids)


# Files

NAMED = re.compile(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|md|sql|js))`", re.ASCII)


def named_files(text: str) -> set[str]:
    """Return the files that a text names, between backticks."""
    return set(NAMED.findall(text))


def test_the_files_that_texts_and_code_name_are_there():
    names = [str(path.relative_to(ROOT)) for path in committed()]
    texts = [
        ROOT / name for name in names if name.endswith((".py", ".md", ".sql")) and not name.startswith("CHANGELOG")
    ]
    ends = {"/".join(parts[n:]) for parts in (name.split("/") for name in names) for n in range(len(parts))}
    lost = {
        (str(path.relative_to(ROOT)), name)
        for path in texts
        if path != Path(__file__)
        for name in named_files(path.read_text())
        if name not in ends
    }
    assert lost == set()
    assert named_files("as `docs/nowhere.md` says, and `rules.py`") - ends == {"docs/nowhere.md"}, "control"


# Rooms


def test_the_readme_and_the_contract_name_the_rooms_that_there_are():
    rooms = {path.parent.name for path in (ROOT / "src" / "wayfare").glob("*/__init__.py")}
    listed = re.findall(r"^\| `(\w+)/` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (floors,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    named = [room.strip() for floor in floors for room in floor.split("|")]
    built = [room for room in named if not room.startswith("(")]
    assert sorted(listed) == sorted(built) == sorted(rooms)
    assert listed == built, "in the order of floors"
