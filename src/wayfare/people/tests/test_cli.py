"""The commands of the vault: what they do, say and refuse; none shows anything of a person."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from wayfare.people import cli, epochs
from wayfare.people.masterkeys import LocalKeys


def run(command, *arguments):
    done = CliRunner().invoke(command, [*arguments, "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, json.loads(done.stdout.splitlines()[-1]) if done.exit_code == 0 else done.output


@pytest.fixture
def person(counsellor):
    return counsellor.enrols("Maryam Karimi").person


def test_a_turn_from_begin_to_end(person, keys_folder):
    code, said = run(cli.rotate)
    assert (code, said["epoch"], said["moved"]["keys"], said["moved"]["marks"]) == (0, 2, 1, 1)
    assert said["moved"]["tokens"] > 5
    _, listed = run(cli.epochs)
    assert [(one["epoch"], one["keys"], one["closed_at"] is None) for one in listed["epochs"]] == [
        (1, 0, False),
        (2, 1, True),
    ]
    assert run(cli.erase_epoch, "1", "--yes") == (0, {"destroyed": 1})
    assert sorted(file.name for file in keys_folder.iterdir()) == ["epoch-2", "index"]


def test_a_turn_that_was_broken_off_goes_on_with_rewrap(person):
    epochs.begin()
    code, said = run(cli.erase_epoch, "1", "--yes")
    assert code == 1
    assert "run `wayfare people rewrap` first" in said
    assert run(cli.rewrap)[1]["moved"]["keys"] == 1
    assert run(cli.rewrap)[1]["moved"] == {"keys": 0, "marks": 0, "tokens": 0}
    assert run(cli.erase_epoch, "1", "--yes")[0] == 0


def test_destroying_asks_first(person, keys_folder):
    run(cli.rotate)
    done = CliRunner().invoke(cli.erase_epoch, ["1"], input="n\n")
    assert done.exit_code == 1
    assert (keys_folder / "epoch-1").exists()


def test_what_cannot_be_done_is_refused_in_one_line(vault, keys_folder):
    assert run(cli.rewrap)[1].strip() == "Error: no epoch has begun; nothing is sealed yet"
    assert "not one that ended" in run(cli.erase_epoch, "1", "--yes")[1]
    keys_folder.mkdir(mode=0o755)
    assert "chmod 700" in run(cli.rotate)[1]


def test_for_people_it_is_said_in_words(person):
    said = [CliRunner().invoke(command).output for command in (cli.rotate, cli.epochs)]
    assert "Epoch 2: moved 1 keys" in said[0]
    assert said[1].splitlines()[0].startswith("1\tended\t0 keys")
    assert "Maryam" not in "".join(said)


def test_it_is_said_how_the_keys_are_kept_and_whether_they_can_be_used(person, keys_folder, settings):
    form = "in the clear" if settings.KEYS_TOKEN is None else "sealed in the token"
    assert run(cli.keys) == (0, {"keys": {"epoch-1": form, "index": form}, "moved": []})
    assert f"epoch-1\t{form}" in CliRunner().invoke(cli.keys).output
    (keys_folder / "epoch-1").write_text("something else")
    done = CliRunner().invoke(cli.keys)
    assert done.exit_code == 1
    assert "epoch-1\tunknown" in done.output
    assert "its backup" in done.output


def test_before_the_first_start_no_key_is_made_by_looking(vault, keys_folder):
    assert run(cli.keys) == (0, {"keys": {}, "moved": []})
    assert not keys_folder.exists()


def test_without_a_token_nothing_is_sealed_into_one(settings, tmp_path):
    settings.PEOPLE_KEYS = tmp_path
    code, said = run(cli.keys, "--into-token")
    assert (code, "set WAYFARE_KEYS_TOKEN and WAYFARE_KEYS_PIN_FILE" in said) == (1, True)


@pytest.mark.token
def test_keys_are_sealed_into_the_token_by_command(fresh_database, settings, tmp_path, token):
    settings.PEOPLE_KEYS = tmp_path / "keys"
    LocalKeys(settings.PEOPLE_KEYS).first()
    token.set_in(settings)
    assert "people keys --into-token" in run(cli.keys)[1]
    said = CliRunner().invoke(cli.keys, ["--into-token"])
    assert said.exit_code == 0
    assert "Sealed 2 into the token" in said.output
    assert "people rotate" in said.output
    assert run(cli.keys, "--into-token") == (
        0,
        {"keys": {"epoch-1": "sealed in the token", "index": "sealed in the token"}, "moved": []},
    )
