"""Commands: turning over the master keys; asking for an erasure. None of them shows anything of a person."""

from __future__ import annotations

import json
from typing import Any

import click
from django.urls import reverse

from wayfare.access import operations as access
from wayfare.access.door import door
from wayfare.access.rules import Forbidden
from wayfare.access.signin import queries as staff
from wayfare.ledger.rules import Refused
from wayfare.people import epochs as turning
from wayfare.people import queries
from wayfare.people.installed import master_keys, token_keys
from wayfare.people.masterkeys import IN_CLEAR, IN_MODULE, MasterKeyProblem
from wayfare.people.rules import case_number_in
from wayfare.people.sealing import SealRefusal


def _refused(problem: Exception) -> click.ClickException:
    return click.ClickException(str(problem))


def _shown(state: turning.State) -> dict[str, Any]:
    told = {name: None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}" for name, at in _times(state)}
    return {"epoch": state.epoch, **told, "keys": state.keys, "tokens": state.tokens, "marks": state.marks}


def _times(state: turning.State) -> list[tuple[str, Any]]:
    return [(name, at) for name, at in state._asdict().items() if name.endswith("_at")]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def epochs(as_json: bool) -> None:
    """List the epochs of the master key, and what is still in each."""
    rows = [_shown(state) for state in turning.states()]
    if as_json:
        click.echo(json.dumps({"epochs": rows}))
    else:
        _tell(rows)
    try:
        turning.check_keys()
    except MasterKeyProblem as problem:
        raise _refused(problem) from None


def _tell(rows: list[dict[str, Any]]) -> None:
    if not rows:
        click.echo("No master key is in use yet; the first is made when a file is first sealed.", err=True)
    for row in rows:
        state = "destroyed" if row["destroyed_at"] else "ended" if row["closed_at"] else "in use"
        click.echo(f"{row['epoch']}\t{state}\t{row['keys']} keys, {row['tokens']} tokens, {row['marks']} marks")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def rotate(as_json: bool) -> None:
    """Begin a new master key and move everything to it while the system runs; broken off, run `rewrap`."""
    try:
        epoch = turning.begin()
    except MasterKeyProblem as problem:
        raise _refused(problem) from None
    _move(epoch, as_json)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def rewrap(as_json: bool) -> None:
    """Go on moving what is left in older epochs to the newest; begins none."""
    in_use = [state.epoch for state in turning.states() if state.closed_at is None]
    if not in_use:
        raise click.ClickException("no epoch has begun; nothing is sealed yet")
    _move(in_use[-1], as_json)


def _move(epoch: int, as_json: bool) -> None:
    moved = {"keys": 0, "marks": 0, "tokens": 0}

    def progress(what: str, how_many: int) -> None:
        moved[what] += how_many

    try:
        turning.rewrap(epoch, progress=progress)
    except (MasterKeyProblem, SealRefusal) as problem:
        raise _refused(problem) from None
    if as_json:
        click.echo(json.dumps({"epoch": epoch, "moved": moved}))
        return
    told = ", ".join(f"{number} {what}" for what, number in moved.items())
    click.echo(f"Epoch {epoch}: moved {told}. Destroy the epochs before it with `wayfare people erase-epoch`.")


@click.command(name="erase-epoch")
@click.argument("epoch", type=int)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
@click.confirmation_option(prompt="Backups of the database from before the turn will never open again. Go on?")
def erase_epoch(epoch: int, as_json: bool) -> None:
    """Destroy the master key of an epoch that ended: older backups never open again."""
    try:
        turning.destroy(epoch)
    except (Refused, MasterKeyProblem) as problem:
        raise _refused(problem) from None
    if as_json:
        click.echo(json.dumps({"destroyed": epoch}))
    else:
        click.echo(f"Epoch {epoch} is destroyed here; destroy its copies in the backups of the keys too.")


_STAYS = """Erasing deletes the person's names, birth, nationality, sex, contact, documents, notes, case number,
index rows, case team and the words of reasons. What stays: coded facts in the ledger (programme, nationality, sex,
month of birth, departures), to which the erasure adds nothing, and the access record without words, for good; and in
backups, the database's files and its journal the deleted data, sealed, until the epoch of their key is destroyed
(`wayfare people rotate`, then `wayfare people erase-epoch`). Nothing is erased by this command: it asks in the name
of a colleague, who confirms it in the app, and then a second person decides on the page of approvals."""


@click.command()
@click.argument("case_number", metavar="CASE_NUMBER")
@click.option(
    "--asked-by",
    required=True,
    prompt="E-mail address of the colleague who asks",
    help="They are told, confirm it in the app, and cannot decide.",
)
@click.option("--ground", required=True, prompt="Legal ground", type=click.Choice(access.GROUNDS))
@click.option("--why", required=True, prompt="Why (do not name the person)", help="In a sentence.")
@click.option("--confirm", help="The case number again; asked for if it is left out.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def erase(case_number: str, asked_by: str, ground: str, why: str, confirm: str | None, as_json: bool) -> None:
    """Ask for a colleague that a person is erased. They confirm it in the app, then another decides, within 14 days."""
    click.echo(_STAYS, err=True)
    again = confirm if confirm is not None else click.prompt("Type the case number again", err=True)
    number = case_number_in(case_number)
    if number is None or case_number_in(again) != number:
        raise click.UsageError("the case number is not one, or not the same twice; it looks like 2TXP-AFRA")
    person, colleague = queries.person_for_command(number), staff.staff_of(asked_by)
    if person is None:
        raise click.ClickException(f"no file has the case number {number}; it may be erased already")
    if colleague is None:
        raise click.ClickException(f"no colleague has the e-mail address {asked_by}; see `wayfare staff list`")
    try:
        with door():
            request = access.ask_erasure(person, ground, why, asked_for=colleague)
    except Refused as refusal:
        raise click.UsageError(str(refusal)) from None
    except Forbidden as problem:
        raise click.ClickException(_REFUSED.get(problem.code, _REFUSED["not_yours"])) from None
    if as_json:
        click.echo(json.dumps({"request": str(request), "state": "unconfirmed", "days": 14}))
    else:
        click.echo(f"Asked, in the name of {asked_by}, who is told and has to sign in and confirm it first:")
        click.echo(reverse("file-erasure", args=[request]))
        click.echo(
            "Then another colleague, a supervisor of the file's office or a data-protection officer, decides there."
        )
        click.echo("What is not confirmed and approved within 14 days lapses.")


_REFUSED = {
    "recovered_lately": "the account of this colleague was recovered too recently; ask in the name of another",
    "asked_already": "a request to erase this person waits already; see the page of approvals",
    "not_yours": "this colleague may not ask: a counsellor of the case team, a supervisor of the office or a"
    " data-protection officer may",
}


_FORMS = {IN_CLEAR: "in the clear", IN_MODULE: "sealed in the token"}


@click.command()
@click.option("--into-token", is_flag=True, help="Seal what lies in the clear into the token that is set.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def keys(into_token: bool, as_json: bool) -> None:
    """Say how the master keys are kept, and whether they are this database's; exit 0 only if they can be used."""
    try:
        moved = token_keys().take_over() if into_token else []
        kept = {name: _FORMS.get(form, "unknown") for name, form in master_keys().forms().items()}
        if not as_json:
            if not kept:
                click.echo("There is no master key here.", err=True)
            for name, form in kept.items():
                click.echo(f"{name}\t{form}")
        master_keys().check()
        turning.check_keys()
    except MasterKeyProblem as problem:
        raise _refused(problem) from None
    if as_json:
        click.echo(json.dumps({"keys": kept, "moved": moved}))
    elif moved:
        mend = "destroy them, then `wayfare people rotate` and `wayfare people erase-epoch`"
        click.echo(f"Sealed {len(moved)} into the token. Older copies of the folder are in the clear: {mend}.")
