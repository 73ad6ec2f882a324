"""Commands: tokens for other systems."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click
from django.utils import timezone

from wayfare.access import operations, queries
from wayfare.access.rules import FORMER_SCOPES, SCOPES, Token, state
from wayfare.ledger.rules import Refused


def _shown(token: Token, now: datetime) -> dict[str, Any]:
    times = {
        name: None if at is None else at.strftime("%Y-%m-%dT%H:%M:%SZ")
        for name, at in token._asdict().items()
        if name.endswith("_at")
    }
    return {
        "id": token.id,
        "source": token.source,
        "scopes": list(token.scopes),
        "state": state(token, now),
        **times,
    }


@click.command()
@click.option("--source", required=True, help="The only source this token may write as.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([*SCOPES, *FORMER_SCOPES]),
    metavar="SCOPE",
    help="; ".join(f"{name}: {meaning}" for name, meaning in SCOPES.items()) + ". May be repeated.",
)
@click.option("--expires", "days", type=int, help="Days it is valid; without, until it is revoked.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def add(source: str, scopes: tuple[str, ...], days: int | None, as_json: bool) -> None:
    """Make a token for a source. Its secret is shown once, here."""
    now = timezone.now()
    try:
        token, secret = operations.issue_token(source=source, scopes=scopes, at=now, days=days)
    except Refused as refusal:
        raise click.UsageError(str(refusal)) from None
    if as_json:
        click.echo(json.dumps({**_shown(token, now), "token": secret}))
        return
    click.echo(f"Token {token.id} for {source} ({', '.join(token.scopes)}). It is shown this once:", err=True)
    click.echo(secret)


@click.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def list_(as_json: bool) -> None:
    """List the tokens, without their secrets."""
    now = timezone.now()
    rows = [_shown(token, now) for token in queries.tokens()]
    if as_json:
        click.echo(json.dumps({"tokens": rows}))
        return
    if not rows:
        click.echo("There is no token yet; make one with `wayfare token add`.", err=True)
    for row in rows:
        used = row["last_used_at"] or "never used"
        click.echo(f"{row['id']}\t{row['source']}\t{'+'.join(row['scopes'])}\t{row['state']}\t{used}")


@click.command()
@click.argument("token_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def revoke(token_id: str, as_json: bool) -> None:
    """End a token, from the next request on."""
    try:
        ended = operations.revoke_token(token_id, at=timezone.now())
    except Refused as refusal:
        raise click.UsageError(str(refusal)) from None
    if as_json:
        click.echo(json.dumps({"id": token_id, "revoked": ended}))
    else:
        click.echo(f"Token {token_id} {'revoked' if ended else 'was revoked before'}.")
