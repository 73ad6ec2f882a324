"""Staff for tests: colleagues with sessions, and files of people of whom nothing is known."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

from django.conf import settings
from django.test import Client

from wayfare.access import operations, queries
from wayfare.access.operations import acting, look, take_up
from wayfare.access.purposes import PURPOSES
from wayfare.access.signin import operations as signin
from wayfare.access.signin.passkeys import NewPasskey

NOW = datetime.now(UTC)
WORDS = "she asked us by telephone to read it to her"


def there(found):
    """Return what was found; a test fails here if nothing was."""
    assert found is not None
    return found


def taken_on(name: str, email: str, office: str, roles: tuple[str, ...]) -> tuple[UUID, str]:
    """Take a colleague on, by an invitation that is accepted with a passkey; return their id and a session's secret."""
    at = datetime.now(UTC)  # NOW is old in a long run
    invitation = signin.invite(name, email, office, roles, by=None, at=at)
    secret = signin.accept_with_passkey(invitation, NewPasskey(uuid4().bytes, b"public", 0), "", at=at)
    return there(queries.actor(secret, at=at)).staff, secret


def browser(colleague, language="en", **more):
    """Return a client with a colleague's session; with None, of somebody who is not signed in."""
    client = Client(HTTP_HOST="localhost", headers={"accept-language": language}, **more)
    if colleague is not None:
        client.cookies[settings.SESSION_COOKIE_NAME] = colleague.secret
    return client


class Colleague:
    """A member of staff with a session."""

    def __init__(self, office, *roles):
        self.id, self.secret = taken_on(f"{roles[0]} of {office}", f"{uuid4()}@example.org", office, roles)

    def opens(self, person, purpose="case_work", groups=("names",), task=None):
        """Open field groups of a file; return the position in the log."""
        with acting(self.secret):
            needs = PURPOSES[purpose].needs
            task = task or take_up(
                self.id, person, purpose, basis=WORDS if needs == "basis" else "", reason=WORDS, at=NOW
            )
            return look(task, groups).position


def file_of(colleague, office="paris"):
    person = uuid4()
    with acting(colleague.secret):
        operations.add_file(person, office, at=NOW)
    return person


def newest(person=None):
    """Return the entries about files that the actor may see, newest first. Within `acting`."""
    return [one for one in reversed(queries.log_of(person, limit=1000)) if one.person]
