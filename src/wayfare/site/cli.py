"""The command `wayfare`: which command lives in which room."""

from __future__ import annotations

import copy
import errno
import functools
import importlib
import os
import signal
import sys
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

import click
import psycopg

from wayfare import __version__
from wayfare.common.texts import control_in


class Use(Enum):
    """What a command uses of an installation. Only commands that record something make a home."""

    NOTHING = "no home, no database"
    OWN = "a home that it chooses or makes itself"
    READS = "a home that is there, and its database"
    MAKES = "a home, which it makes if there is none, and its database"


class Entry(NamedTuple):
    """Where a command lives, and what it uses: one that changes only what is there already `READS`."""

    target: str
    help: str
    use: Use = Use.READS


COMMANDS: dict[str, dict[str, Entry]] = {
    "": {
        "demo": Entry("wayfare.site.demo.command:demo", "A living example programme in a home of its own.", Use.OWN),
        "up": Entry("wayfare.site.up:up", "Run database, web and live updates until stopped.", Use.OWN),
        "check": Entry("wayfare.site.check:check", "Say whether this installation is well."),
        "backup": Entry("wayfare.site.backup_cli:backup_", "Back up the database; the keys apart, sealed."),
        "restore": Entry("wayfare.site.backup_cli:restore_", "Restore a backup into a new home.", Use.OWN),
        "test": Entry("wayfare.site.testing:test", "Run the project's checks and tests.", Use.NOTHING),
        "simulate": Entry(
            "wayfare.departures.simulate_cli:simulate", "Make departure histories with known truth.", Use.NOTHING
        ),
    },
    "programme": {
        "add": Entry("wayfare.departures.cli:add", "Configure a programme.", Use.MAKES),
        "list": Entry("wayfare.departures.cli:list_", "List the configured programmes."),
        "office": Entry("wayfare.departures.cli:office", "Name the office whose staff read its exact figures."),
        "import": Entry("wayfare.departures.cli:import_", "Configure the programmes of a JSON list.", Use.MAKES),
    },
    "ledger": {
        "import": Entry("wayfare.ledger.entries.cli:import_", "Append the entries of files.", Use.MAKES),
        "export": Entry("wayfare.ledger.entries.cli:export", "Write entries to a file."),
        "status": Entry("wayfare.ledger.projections_cli:status", "Show where the ledger stands."),
        "rebuild": Entry("wayfare.ledger.projections_cli:rebuild", "Make the projections anew from the ledger."),
        "verify": Entry("wayfare.ledger.projections_cli:verify", "Recount everything another way and compare."),
        "zones": Entry("wayfare.departures.zones_cli:group", "Show or change the version of the time zones."),
    },
    "log": {
        "checkpoint": Entry("wayfare.ledger.cli:checkpoint", "Print the latest signed checkpoint."),
        "keys": Entry("wayfare.ledger.cli:keys", "Print the keys that sign the log."),
        "prove": Entry("wayfare.ledger.cli:prove", "Write the receipt of an entry."),
        "check": Entry("wayfare.ledger.cli:check", "Check a receipt without asking anyone.", Use.NOTHING),
        "consistency": Entry("wayfare.ledger.cli:consistency", "Prove that one size continues another."),
        "verify": Entry("wayfare.ledger.cli:verify", "Recompute a log from the rows that it commits to."),
        "export": Entry("wayfare.ledger.cli:export", "Write the log as files to publish."),
        "audit": Entry("wayfare.ledger.cli:audit", "Check somebody's log from outside.", Use.NOTHING),
        "rotate": Entry("wayfare.ledger.cli:rotate", "Make new keys for the log."),
    },
    "people": {
        "epochs": Entry("wayfare.people.cli:epochs", "List the epochs of the master key."),
        "rotate": Entry("wayfare.people.cli:rotate", "Begin a new master key and move everything to it."),
        "rewrap": Entry("wayfare.people.cli:rewrap", "Go on moving everything to the newest master key."),
        "erase": Entry("wayfare.people.cli:erase", "Ask that a person is erased; a second person decides."),
        "erase-epoch": Entry("wayfare.people.cli:erase_epoch", "Destroy the master key of an epoch that ended."),
        "keys": Entry("wayfare.people.cli:keys", "Say how the master keys are kept; seal them in a token."),
    },
    "stats": {
        "table": Entry("wayfare.statistics.cli:table", "Count departures or persons by dimensions."),
        "publish": Entry("wayfare.statistics.cli:publish", "Write a table with its proof."),
        "verify": Entry("wayfare.statistics.cli:verify_table", "Recount a published table and check its proof."),
    },
    "staff": {
        "invite": Entry(
            "wayfare.access.signin.cli:invite", "Invite somebody; prints a link that works once.", Use.MAKES
        ),
        "list": Entry("wayfare.access.signin.cli:list_", "List the staff and the open invitations."),
        "leave": Entry("wayfare.access.signin.cli:leave", "Let a colleague leave, from the next request on."),
        "recover": Entry(
            "wayfare.access.signin.cli:recover", "Let a colleague back in; prints a link that works once."
        ),
        "recoveries": Entry("wayfare.access.signin.cli:recoveries", "List the open requests for account recovery."),
        "stop-recovery": Entry("wayfare.access.signin.cli:stop_recovery", "Stop an account recovery."),
        "unblock": Entry("wayfare.access.signin.cli:unblock", "Allow a colleague to sign in by password again."),
        "office": Entry("wayfare.access.signin.cli:office", "Add an office, or change one.", Use.MAKES),
        "offices": Entry("wayfare.access.signin.cli:offices", "List the offices."),
        "renew-key": Entry("wayfare.access.signin.cli:renew_key", "Make a new key where one of sign-in is lost."),
    },
    "token": {
        "add": Entry("wayfare.access.cli:add", "Make a token for a source.", Use.MAKES),
        "list": Entry("wayfare.access.cli:list_", "List the tokens."),
        "revoke": Entry("wayfare.access.cli:revoke", "End a token."),
    },
    "witness": {
        "key": Entry("wayfare.witness.cli:key", "Show the keys of this witness; make them at first.", Use.OWN),
        "add-log": Entry("wayfare.witness.cli:add_log", "Trust keys of a log.", Use.OWN),
        "drop-key": Entry("wayfare.witness.cli:drop_key", "Trust a key of a log no more.", Use.OWN),
        "logs": Entry("wayfare.witness.cli:logs", "List the logs it knows.", Use.OWN),
        "run": Entry("wayfare.site.witness:run", "Answer logs until stopped.", Use.OWN),
    },
}
GROUPS = {
    "programme": "Programmes: what is counted where.",
    "ledger": "The ledger: what happened.",
    "log": "The log: anyone can check what was recorded.",
    "people": "The vault: the keys under which people's files are sealed; erasing a person.",
    "stats": "Tables.",
    "staff": "Staff: who works here, and as what.",
    "token": "Tokens for other systems.",
    "witness": "A witness for the logs of others; it needs no database.",
}


class PlainText(click.types.StringParamType):
    """Text without control characters, which would reach screens, logs and the database."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value as it is, or refuse it."""
        if isinstance(value, str) and (control := control_in(value)):
            self.fail(f"holds the control character {control}; write plain text on one line", param, ctx)
        return value


def plainly(command: click.Command) -> click.Command:
    """Have every free text that a command takes checked as PlainText, whatever the command says of it."""
    for parameter in command.params:
        if type(parameter.type) is type(click.STRING):
            parameter.type = PlainText()
    return command


class Lazy(click.Group):
    """A group whose commands are imported when they are asked for."""

    def __init__(self, path: str, **kwargs: Any) -> None:
        super().__init__(name=path or "wayfare", **kwargs)
        self.path = path

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands of this group, and at the root the groups."""
        return sorted([*COMMANDS[self.path], *(GROUPS if not self.path else ())])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; it brings the database up when it runs, so that a usage error makes no home."""
        if not self.path and cmd_name in GROUPS:
            return Lazy(cmd_name, help=GROUPS[cmd_name])
        entry = COMMANDS[self.path].get(cmd_name)
        if entry is None:
            return None
        if entry.use is not Use.OWN:
            from wayfare.site import runtime

            runtime.set_up_django()
        module, _, name = entry.target.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return _provided(plainly(command), entry.use)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        rows = [(name, entry.help) for name, entry in COMMANDS[self.path].items()]
        rows += GROUPS.items() if not self.path else []
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows))


def _provided(command: click.Command, use: Use) -> click.Command:
    """Return a command that brings up what it uses once its own arguments are read, or those of its subcommand."""
    if use not in (Use.READS, Use.MAKES):
        return command
    command = copy.copy(command)
    if isinstance(command, click.Group):
        command.commands = {name: _provided(one, use) for name, one in command.commands.items()}
    if command.callback is not None:
        command.callback = _after_bringing_up(command.callback, use)
    return command


def _after_bringing_up(run: Callable[..., Any], use: Use) -> Callable[..., Any]:
    """Return what a command does, begun with its home and database. It raises what `bring_up` does, and NoHome."""

    @functools.wraps(run)
    def provided(*args: Any, **kwargs: Any) -> Any:
        from wayfare.site import homes, runtime, settings

        if use is Use.READS:
            homes.require(settings.WAYFARE_HOME)
        runtime.bring_up()
        return run(*args, **kwargs)

    return provided


root = Lazy("", help="Every step on time, every departure counted once, every file open to the person it is about.")
click.version_option(__version__, prog_name="wayfare", message="%(prog)s %(version)s")(root)


def main() -> None:
    """Run the command line; one clear line for what is the operator's to mend."""
    from wayfare.site.embedded import EmbeddedError
    from wayfare.site.external import DatabaseUnfit
    from wayfare.site.homes import NoHome

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        root(prog_name="wayfare")
    except (EmbeddedError, DatabaseUnfit, NoHome) as problem:
        _fail(str(problem))
    except psycopg.OperationalError as problem:
        _fail(f"The database does not answer: {problem}")
    except OSError as problem:
        if problem.errno != errno.ENOSPC:
            raise
        _fail(f"the disk is full ({problem.filename or problem}); make room, and run the same again.")
    except Exception as problem:
        from django.core.exceptions import ImproperlyConfigured
        from django.db import OperationalError

        from wayfare.common import trouble
        from wayfare.ledger.rules import Refused

        named = type(problem).__name__ == "SettingError"
        if trouble.code_of(problem) == "busy":
            _fail(f"another session holds what this needs, and did not let go of it in time: {problem}")
        if named or isinstance(problem, ImproperlyConfigured | OperationalError | Refused):
            _fail(str(problem))
        raise


def _fail(text: str) -> None:
    click.echo(f"wayfare: {text.strip()}", err=True)
    sys.stderr.flush()
    os._exit(2)


if __name__ == "__main__":
    main()
