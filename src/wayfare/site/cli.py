"""The command `wayfare`: the commands of all rooms."""

from __future__ import annotations

import copy
import errno
import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import click
import psycopg

from wayfare import __version__
from wayfare.common.rooms import Command, Use, load
from wayfare.common.texts import control_in
from wayfare.site import rooms


def _commands() -> dict[str, dict[str, Command]]:
    found: dict[str, dict[str, Command]] = {"": {}}
    for room in rooms.manifests():
        for group, commands in room.commands.items():
            known = found.setdefault(group, {})
            if clash := known.keys() & commands.keys():
                raise ValueError(f"two rooms have a command {group} {min(clash)}; choose another name")
            known.update(commands)
    return found


COMMANDS: dict[str, dict[str, Command]] = _commands()
"""By group and name, of all rooms."""
GROUPS: dict[str, str] = {name: told for room in rooms.manifests() for name, told in room.groups.items()}


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
        command = load(entry.target)
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
