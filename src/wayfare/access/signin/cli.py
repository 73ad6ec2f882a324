"""Commands for staff: the first administrator is invited here, and whoever else when nobody can sign in."""

from __future__ import annotations

import json
from uuid import UUID

import click
from django.conf import settings
from django.db import connections, transaction
from django.urls import reverse
from django.utils import timezone

from wayfare.access import door, keyfiles
from wayfare.access import operations as access
from wayfare.access.purposes import ROLES
from wayfare.access.rules import Forbidden
from wayfare.access.signin import keys, operations, queries, tries
from wayfare.ledger.rules import Refused

_RENEWING = {
    door.NAME: "Is the old key lost for good? With a new one staff sign in only after every process is restarted",
    keys.NAME: "Is the old key lost for good? With a new one no code generator works any more",
}


@click.command(name="renew-key")
@click.argument("which", type=click.Choice([door.NAME, keys.NAME]))
@click.option("--yes", is_flag=True, help="Confirm the action without prompting.")
def renew_key(which: str, yes: bool) -> None:
    """Make a new key where one of sign-in is lost for good; first put `keys` back from its backup if you can."""
    if not yes:
        click.confirm(_RENEWING[which], abort=True)
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        (door if which == door.NAME else keys).renew(cursor)
    told = {
        door.NAME: "restart every process of this installation, and copy it to the other machines",
        keys.NAME: "staff sign in by passkey, or by recovery, and set up their code generators anew",
    }
    click.echo(f"{keyfiles.path_of(which)} is new: {told[which]}.")


@click.command()
@click.option("--name", required=True, help="As colleagues know them.")
@click.option("--email", required=True, help="What they sign in with, if not with a passkey.")
@click.option("--office", required=True, help="The short name of their office; see `wayfare staff offices`.")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(ROLES))
@click.option(
    "--language", default="en", show_default=True, type=click.Choice([code for code, _ in settings.LANGUAGES])
)
@click.option("--address", help="How staff reach this installation, such as https://wayfare.example.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def invite(
    name: str, email: str, office: str, roles: tuple[str, ...], language: str, address: str | None, as_json: bool
) -> None:
    """Invite somebody to the staff. The link works once, for 7 days, and is shown once, here."""
    try:
        secret = operations.invite(name, email, office, roles, language, by=None, at=timezone.now())
    except Refused as refusal:
        raise click.UsageError(str(refusal)) from None
    base = (address or f"http://localhost:{settings.WAYFARE_PORT}").rstrip("/")
    link = base + reverse("staff-sign-up", args=[secret])
    if as_json:
        click.echo(json.dumps({"email": email, "roles": list(roles), "link": link}))
        return
    click.echo(f"An invitation for {name} ({', '.join(roles)}). Whoever opens this first has the account:", err=True)
    click.echo(link)


@click.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def list_(as_json: bool) -> None:
    """List the staff and the open invitations."""
    found = queries.colleagues(at=timezone.now())
    rows = [
        {
            "email": one.email,
            "name": one.name,
            "office": one.office,
            "roles": list(one.roles),
            "state": one.state,
            "since": one.since.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        for one in found
    ]
    if as_json:
        click.echo(json.dumps({"staff": rows}))
        return
    if not rows:
        click.echo("There is no staff and no open invitation yet; begin with `wayfare staff invite`.", err=True)
    for row in rows:
        click.echo(
            f"{row['email']}\t{row['name']}\t{row['office']}\t{'+'.join(row['roles'])}\t{row['state']}\t{row['since']}"
        )


@click.command()
@click.argument("email")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def leave(email: str, as_json: bool) -> None:
    """Let a colleague leave: from the next request on they open nothing. An open invitation is withdrawn."""
    now = timezone.now()
    staff = [
        one.staff
        for one in queries.colleagues(at=now)
        if one.state == "active" and one.email.lower() == email.strip().lower()
    ]
    ended = [access.leave(one, by=None, at=now) for one in staff]
    withdrawn = operations.withdraw(email, by=None, at=now)
    if not ended and not withdrawn:
        raise click.UsageError(f"email: no colleague has the address {email!r}; see `wayfare staff list`")
    if as_json:
        click.echo(json.dumps({"email": email, "left": bool(ended), "withdrawn": withdrawn}))
    else:
        click.echo(f"{email} {'has left' if ended else 'is not invited any more'}.")


def _active(email: str) -> UUID:
    """Return the colleague who has an e-mail address. Raises: UsageError."""
    staff = queries.staff_of(email)
    if staff is None:
        raise click.UsageError(f"email: no colleague has {email!r}; see `wayfare staff list`")
    return staff


@click.command()
@click.argument("email")
def unblock(email: str) -> None:
    """Allow a colleague to sign in by password again, after too many wrong tries had blocked it."""
    with door.door():
        unblocked = tries.unblock_password(_active(email))
    click.echo(f"{email} {'may sign in by password again' if unblocked else 'was not blocked'}.")


@click.command()
@click.argument("email")
@click.option("--address", help="How staff reach this installation, such as https://wayfare.example.")
def recover(email: str, address: str | None) -> None:
    """Let a colleague who cannot sign in make a new passkey. The link works once, for an hour, and is shown once, here.

    It needs no approval and no waiting time: whoever runs commands here owns the installation. It is on record.
    """
    secret = operations.recover_by_command(_active(email), at=timezone.now())
    base = (address or f"http://localhost:{settings.WAYFARE_PORT}").rstrip("/")
    click.echo(f"Whoever opens this first can sign in as {email}; all that opened the account before ends:", err=True)
    click.echo(base + reverse("staff-recovering", args=[secret]))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def recoveries(as_json: bool) -> None:
    """List the open requests for account recovery; `wayfare staff stop-recovery ID` stops one."""
    found = queries.open_recoveries(at=timezone.now())
    rows = [
        {
            "id": str(one.id),
            "email": one.email,
            "asked_at": one.asked_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "approvals": one.approvals,
            "usable_from": one.usable_at and one.usable_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        for one in found
    ]
    if as_json:
        click.echo(json.dumps({"recoveries": rows}))
        return
    if not rows:
        click.echo("No open requests.", err=True)
    for row in rows:
        usable = f"usable from {row['usable_from']}" if row["usable_from"] else f"{row['approvals']} approvals"
        click.echo(f"{row['id']}\t{row['email']}\tasked {row['asked_at']}\t{usable}")


@click.command(name="stop-recovery")
@click.argument("recovery", metavar="ID", type=click.UUID)
def stop_recovery(recovery: UUID) -> None:
    """Stop an account recovery that is open: its link opens nothing any more."""
    try:
        with door.door():
            operations.stop_recovery(recovery)
    except Forbidden:
        raise click.UsageError(f"ID: no open recovery is {recovery}; see `wayfare staff recoveries`") from None
    click.echo(f"Recovery {recovery} is stopped.")


@click.command()
@click.argument("office")
@click.option("--name", required=True, help="As people call it.")
@click.option("--timezone", "zone", required=True, help="Such as Europe/Paris.")
def office(office: str, name: str, zone: str) -> None:
    """Add an office under a short name, or change its name and time zone."""
    try:
        operations.set_office(office, name, zone, by=None)
    except Refused as refusal:
        raise click.UsageError(str(refusal)) from None
    click.echo(f"Office {office}: {name}, {zone}.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on the last line.")
def offices(as_json: bool) -> None:
    """List the offices."""
    found = queries.offices()
    if as_json:
        click.echo(json.dumps({"offices": [one._asdict() for one in found]}))
        return
    if not found:
        click.echo("There is no office yet; add one with `wayfare staff office`.", err=True)
    for one in found:
        click.echo(f"{one.id}\t{one.name}\t{one.timezone}")
