"""Commands: a witness's keys and the logs it knows. `run` is the site's."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from wayfare.tlog import notes
from wayfare.tlog.keys import KeyProblem
from wayfare.tlog.notes import Malformed, Verifier
from wayfare.witness.state import State, signers


def home() -> Path:
    """Return the witness's folder."""
    return Path(os.environ.get("WAYFARE_WITNESS_HOME", ".wayfare-witness")).absolute()


def _verifier(text: str) -> Verifier:
    try:
        return notes.parse_verifier(text)
    except Malformed as problem:
        raise click.UsageError(str(problem)) from None


@click.command()
@click.option("--name", help="Who it is, such as witness.example/name; needed once, when the keys are made.")
def key(name: str | None) -> None:
    """Show the verifier keys of this witness, one a line: what a log's operator needs beside its address."""
    try:
        for signer in signers(home(), name):
            click.echo(str(signer.verifier))
    except KeyProblem as problem:
        raise click.UsageError(str(problem)) from None


@click.command(name="add-log")
@click.argument("keys", metavar="VKEY...", nargs=-1, required=True)
@click.option("--origin", help="The log's origin line, where it is not the name of its keys.")
def add_log(keys: tuple[str, ...], origin: str | None) -> None:
    """Trust keys of a log, from the next submission on. What it shows first is what it is held to."""
    verifiers = [_verifier(text) for text in keys]
    names = {verifier.name for verifier in verifiers}
    if origin is None and len(names) > 1:
        raise click.UsageError(f"the keys have several names ({', '.join(sorted(names))}); say --origin")
    try:
        State(home()).add_log(origin or names.pop(), verifiers)
    except Malformed as problem:
        raise click.UsageError(str(problem)) from None


@click.command(name="drop-key")
@click.argument("text", metavar="VKEY")
def drop_key(text: str) -> None:
    """Trust a key of a log no more. The size it was seen at is never forgotten."""
    if not State(home()).drop_key(_verifier(text)):
        raise click.UsageError("that key is not trusted here; see wayfare witness logs")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def logs(as_json: bool) -> None:
    """List the logs this witness knows: origin, size cosigned last, keys."""
    found = State(home()).logs()
    if as_json:
        click.echo(json.dumps({"logs": [{"origin": log, "size": size, "keys": keys} for log, size, keys in found]}))
        return
    if not found:
        click.echo("This witness knows no log yet; add one with `wayfare witness add-log`.", err=True)
    for log, size, keys in found:
        click.echo(f"{log}\t{'never seen' if size is None else size}\t{' '.join(keys)}")
