"""What commands of all rooms say, write and refuse."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from tests.test_files import history, jsonl
from wayfare.access import operations as access
from wayfare.access.cli import list_ as tokens
from wayfare.access.signin.cli import list_ as staff
from wayfare.access.signin.cli import offices
from wayfare.departures import cli, operations, queries
from wayfare.ledger.entries import cli as files_cli
from wayfare.ledger.rules import Refused
from wayfare.people.cli import epochs
from wayfare.site.cli import COMMANDS, GROUPS, Lazy, PlainText, plainly
from wayfare.statistics import cli as statistics
from wayfare.witness.cli import logs

pytestmark = pytest.mark.django_db
FRANCE = {"key": "fra", "title": "France", "country": "FRA", "timezone": "Europe/Paris", "counts_from": "boarding_pass"}


def run(command: click.Command, *words: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(plainly(command), [*map(str, words)], input=stdin)


@pytest.fixture
def programme(db: object) -> None:
    operations.add_programme(**FRANCE)


# Lists


@pytest.mark.django_db(databases=["default", "owner"])
@pytest.mark.parametrize(
    ("command", "words"),
    [
        (cli.list_, "no programme yet"),
        (tokens, "no token yet"),
        (staff, "no staff"),
        (offices, "no office yet"),
        (logs, "no log yet"),
        (epochs, "No master key"),
    ],
)
def test_a_list_says_that_it_is_empty(command, words, tmp_path, monkeypatch):
    monkeypatch.setenv("WAYFARE_WITNESS_HOME", str(tmp_path / "witness"))
    done = run(command)
    assert (done.exit_code, done.stdout) == (0, ""), done.exception or "nothing that a script would read as a row"
    assert words in done.stderr
    as_json = run(command, "--json")
    assert as_json.stderr == ""
    assert list(json.loads(as_json.stdout).values()) == [[]]


def test_a_list_that_is_not_empty_says_nothing_else(programme):
    done = run(cli.list_)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("where", ["file", "standard input"])
def test_programmes_listed_are_programmes_to_import(programme, tmp_path, where):
    listed = run(cli.list_, "--json").stdout
    file = tmp_path / "programmes.json"
    file.write_text(listed)
    done = run(cli.import_, "-", "--json", stdin=listed) if where != "file" else run(cli.import_, file, "--json")
    assert json.loads(done.stdout) == {"read": 1, "added": 0}
    file.write_text(listed.replace("fra", "other"))
    assert json.loads(run(cli.import_, file, "--json").stdout) == {"read": 1, "added": 1}
    assert set(queries.programmes()) == {"fra", "other"}


def test_programmes_listed_are_imported_where_their_office_is_not(programme, tmp_path):
    access.set_office("paris", "Paris", "Europe/Paris", by=None)
    operations.set_programme_office("fra", "paris")
    listed = run(cli.list_, "--json").stdout
    assert '"office": "paris"' in listed
    file = tmp_path / "programmes.json"
    file.write_text(listed.replace('"fra"', '"there"'))
    assert run(cli.import_, file).stderr == ""
    file.write_text(listed.replace('"fra"', '"elsewhere"').replace('"paris"', '"lyon"'))
    done = run(cli.import_, file, "--json")
    assert json.loads(done.stdout) == {"read": 1, "added": 1}
    assert "Programme elsewhere: there is no office 'lyon' here" in done.stderr
    assert queries.offices() == {"fra": "paris", "there": "paris"}


def test_programmes_beside_an_export_are_added_where_they_are_missing_and_never_changed(programme, tmp_path):
    file = jsonl(tmp_path / "out.jsonl", history())
    beside = tmp_path / "out.jsonl.programmes.json"
    beside.write_text(json.dumps([{**FRANCE, "title": "Otherwise"}, {**FRANCE, "key": "more"}]))
    done = run(files_cli.import_, file)
    assert f"1 programmes added, from {beside}" in done.stderr
    assert "Programme fra is configured otherwise" in done.stderr
    assert {key: one.title for key, one in queries.programmes().items()} == {"fra": "France", "more": "France"}
    assert run(files_cli.import_, file).stderr.count("added") == 0
    beside.write_text("[{]")
    done = run(files_cli.import_, file)
    assert (done.exit_code, "is not JSON" in done.stderr) == (2, True)


def test_an_export_says_what_it_does_not_contain(programme, tmp_path):
    done = run(files_cli.export, tmp_path / "out.jsonl")
    assert "Not contained: people's files, staff" in done.stderr
    assert json.loads((tmp_path / "out.jsonl.programmes.json").read_text()) == [FRANCE]
    done = run(files_cli.export, "-")
    assert "programme list --json" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "text",
    [
        '[{"key":"a","key" :"b","title":"A","country":"FRA","timezone":"Europe/Paris"}]',
        '[{"key":"a","title":"A","country":"FRA","timezone":"Europe/Paris","c\\u006funtry":"DEU"}]',
        '{"programmes":[],"programmes":[{"key":"a"}]}',
    ],
)
def test_a_programme_with_a_field_named_twice_is_refused(tmp_path, text, db):
    file = tmp_path / "programmes.json"
    file.write_text(text)
    done = run(cli.import_, file)
    assert done.exit_code == 2
    assert "twice" in done.stderr
    assert not queries.programmes()


# What goes where


@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".tsv", ".xlsx", ".txt", ".jsonl.gz"])
def test_an_export_is_not_written_as_what_it_is_not(programme, tmp_path, suffix):
    out = tmp_path / f"out{suffix}"
    done = run(files_cli.export, out)
    assert done.exit_code == 2
    assert "JSON lines or Parquet" in done.stderr
    assert "--format" in done.stderr
    assert not out.exists()
    assert run(files_cli.export, out, "--format", "jsonl").exit_code == 0, "asked for by name"


@pytest.mark.parametrize("name", ["out", "out.jsonl", "out.ndjson", "out.json", "out.parquet", "out.pq"])
def test_an_export_by_suffix_is_read_by_import(programme, tmp_path, name):
    run(files_cli.import_, jsonl(tmp_path / "in.jsonl", history()))
    assert run(files_cli.export, tmp_path / name).exit_code == 0
    assert json.loads(run(files_cli.import_, tmp_path / name, "--json").stdout)["duplicate"] == 13


def test_rejects_go_to_standard_output(programme, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "in.jsonl"
    file.write_text("{}\n")
    done = run(files_cli.import_, file, "--rejects", "-")
    assert json.loads(done.stdout)["field"] == "kind", "and nothing else there"
    assert "1 rejected" in done.stderr
    refused, summary = run(files_cli.import_, file, "--rejects", "-", "--json").stdout.splitlines()
    assert (json.loads(refused)["line"], json.loads(summary)["rejected"]) == (1, 1)
    assert not Path("-").exists()


def test_no_command_makes_a_file_called_dash(programme, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(statistics.table, "--output", "-").stdout == "departures\n"
    assert not list(tmp_path.iterdir())


def on_a_terminal(home: Path, *words: str) -> tuple[int, bytes]:
    """Run a command whose standard output is a terminal; return its exit code and what it wrote there."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "WAYFARE_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _COMMANDS, *words]
    done = subprocess.run(command, env=environment, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    written = b""
    try:
        while more := os.read(ours, 4096):
            written += more
    except OSError:  # the terminal is closed at the other end
        pass
    os.close(ours)
    return done.returncode, written + done.stderr


_COMMANDS = """
import sys
from wayfare.site import runtime
runtime.set_up_django()
from wayfare.ledger.entries.cli import export
from wayfare.statistics.cli import table
{"table": table, "export": export}[sys.argv[1]](sys.argv[2:])
"""


@pytest.mark.parametrize("words", [("table", "--format", "parquet"), ("export", "-", "--format", "parquet")])
def test_parquet_is_not_poured_onto_a_terminal(tmp_path, words):
    code, written = on_a_terminal(tmp_path, *words)
    assert code == 2
    assert b"not for a terminal" in written
    assert b"PAR1" not in written


# Free text


CONTROLS = {"ESC": "a\x1b[31mb", "newline": "a\nb", "bell": "\a", "C1": "a\x9bb", "line separator": "a\u2028b"}


def test_every_free_text_of_every_command_is_looked_at():
    texts = 0
    for group, commands in COMMANDS.items():
        for name, entry in commands.items():
            command = _command(entry.target)
            for parameter in plainly(command).params:
                assert parameter.type.__class__ is not type(click.STRING), (group, name, parameter.name)
                texts += isinstance(parameter.type, PlainText)
    assert texts > 25
    assert GROUPS.keys() | {""} == COMMANDS.keys()


def _command(target: str) -> click.Command:
    import importlib

    module, _, name = target.partition(":")
    command = getattr(importlib.import_module(module), name)
    assert isinstance(command, click.Command)
    return command


@pytest.mark.parametrize("name", CONTROLS)
def test_control_characters_in_a_title_are_refused_by_name(name, db):
    words = ["--key", "fra", "--title", CONTROLS[name], "--country", "FRA", "--timezone", "Europe/Paris"]
    done = run(cli.add, *words)
    assert done.exit_code == 2
    assert "--title" in done.stderr
    assert "control character U+" in done.stderr
    assert not queries.programmes()


def test_the_command_line_itself_checks_its_commands(monkeypatch):
    monkeypatch.setattr("wayfare.site.runtime.bring_up", lambda *_: None)
    found = Lazy("programme").get_command(click.Context(click.Command("wayfare")), "add")
    assert found is not None
    assert any(isinstance(parameter.type, PlainText) for parameter in found.params)


@pytest.mark.parametrize("text", [*CONTROLS.values(), "a\0b"])
def test_a_title_in_a_file_is_refused_alike(tmp_path, text, db):
    file = tmp_path / "programmes.json"
    file.write_text(json.dumps([{**FRANCE, "title": text}]))
    done = run(cli.import_, file)
    assert done.exit_code == 2
    assert "title: " in done.stderr
    assert not queries.programmes()


def test_a_title_in_any_script_is_taken(db):
    title: dict[str, Any] = {"title": "العودة الطوعية \u200f– « à » می\u200cخواهم"}
    assert operations.add_programme(**FRANCE | title)
    with pytest.raises(Refused, match=r"U\+0000"):
        operations.add_programme(**FRANCE | {"title": "a\0"})
