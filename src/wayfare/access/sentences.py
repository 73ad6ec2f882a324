"""A line of the access log as a sentence, in the language of who reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.utils import translation
from django.utils.translation import gettext as _

from wayfare.access import words
from wayfare.access.queries import Logged

_NAMED = ("staff", "about", "for", "by")
"""The fields of a line that name members of staff."""


def named(lines: Iterable[Logged]) -> set[UUID]:
    """Return the members of staff whom lines name, for `queries.staff_names`."""
    return {UUID(line.body[field]) for line in lines for field in _NAMED if field in line.body}


def sentence(line: Logged, names: Mapping[UUID, str], timezone: str) -> str:
    """Return what a line says. `names`: those of `named` whose names are known; `timezone`: of the reader's office."""
    acted = who(line, names)
    if line.kind == "look":
        return words.look(acted, line.groups, line.body["purpose"])
    if line.person:
        return _of_file(line, acted, names)
    return _of_staff(line, acted, names, timezone)


def who(line: Logged, names: Mapping[UUID, str]) -> str:
    """Return the name of who acted."""
    return _who(line.body.get("staff"), names) if line.staff else _("A command on the machine")


def _who(staff: str | None, names: Mapping[UUID, str]) -> str:
    return names.get(UUID(staff), _("A colleague")) if staff else _("somebody")


def _of_file(line: Logged, who: str, names: Mapping[UUID, str]) -> str:
    body = line.body
    if line.kind == "approval":
        asked = names.get(UUID(body["for"]), _("a colleague"))
        return _("%(who)s approved emergency access for %(asked)s.") % {"who": who, "asked": asked}
    if line.kind == "hold":
        return _("%(who)s held look %(position)s back from the person’s own view until %(day)s.") % {
            "who": who,
            "position": body["of"],
            "day": body["until"][:10],
        }
    if line.kind == "refusal":
        asked = names.get(UUID(body["for"]), _("a colleague"))
        return _("%(who)s refused %(asked)s emergency access.") % {"who": who, "asked": asked}
    if line.kind == "correction":
        return _("%(who)s corrected %(what)s.") % {"who": who, "what": words.groups(line.groups)}
    if line.kind.startswith("erasure"):
        return _of_erasure(line, who, names)
    one, whom = body["for"] == body["staff"], _who(body["for"], names)
    if body["joined"] == "yes":
        said = _("%(who)s joined the case team.") if one else _("%(who)s put %(whom)s on the case team.")
    else:
        said = _("%(who)s left the case team.") if one else _("%(who)s took %(whom)s off the case team.")
    return said % {"who": who, "whom": whom}


def _of_erasure(line: Logged, who: str, names: Mapping[UUID, str]) -> str:
    told = {"who": who, "whom": _who(line.body.get("for"), names)}
    if "ground" in line.body:
        told["ground"] = words.ground(line.body["ground"])
    match line.kind:
        case "erasure_asked" if line.staff is None:
            return (
                _(
                    "A command on the machine asked in the name of %(whom)s to erase the person."
                    " Legal ground: %(ground)s."
                )
                % told
            )
        case "erasure_asked":
            return _("%(who)s asked to erase the person. Legal ground: %(ground)s.") % told
        case "erasure_confirmed":
            return _("%(who)s confirmed the request to erase the person. Legal ground: %(ground)s.") % told
        case "erasure_approved":
            return _("%(who)s approved the request of %(whom)s to erase the person. Legal ground: %(ground)s.") % told
        case "erasure_refused":
            return _("%(who)s refused the request of %(whom)s to erase the person. Legal ground: %(ground)s.") % told
        case "erasure_withdrawn":
            return _("%(who)s withdrew the request to erase the person.") % told
    return _("%(who)s erased the file.") % told


def _of_staff(line: Logged, who: str, names: Mapping[UUID, str], timezone: str) -> str:
    body = line.body
    told = {"who": who, "whom": _who(body.get("about"), names)}
    match line.kind:
        case "session":
            return _("%(who)s signed in.") % told
        case "joined":
            return _("%(who)s accepted an invitation.") % told
        case "left":
            return _("%(who)s removed the access of %(whom)s.") % told
        case "ended":
            return _("%(who)s ended the sessions of %(whom)s.") % {
                **told,
                "whom": told["whom"] if "about" in body else _("everybody else"),
            }
        case "withdrawn":
            return _("%(who)s withdrew the invitation of %(whom)s.") % told
        case "ledger_read":
            return _ledger_read(body, who)
        case "token_made":
            return _("%(who)s made the API token %(token)s of %(source)s, which may: %(scopes)s.") % {
                **told,
                **body,
                "scopes": _(", ").join(body["scopes"].split()),
            }
        case "token_revoked":
            return _("%(who)s revoked the API token %(token)s of %(source)s.") % {**told, **body}
        case "programme" if "office" in body:
            return _("%(who)s set the office of the programme %(programme)s: %(office)s.") % {**told, **body}
        case "programme":
            return _("%(who)s left the programme %(programme)s without an office.") % {**told, **body}
        case "office":
            return _("%(who)s set the office %(office)s: %(name)s, %(timezone)s.") % {**told, **body}
        case "password_blocked":
            return _("Sign-in by password was blocked for %(whom)s after too many wrong tries.") % told
        case "password_unblocked":
            return _("%(who)s allowed sign-in by password again for %(whom)s.") % told
        case "recovery_asked":
            return _("Somebody who was not signed in asked for account recovery for %(whom)s.") % told
        case "recovery_approved" if "usable_from" in body:
            return _("%(who)s approved account recovery for %(whom)s. It can be used from %(at)s.") % {
                **told,
                "at": words.moment(
                    datetime.fromisoformat(body["usable_from"]), translation.get_language() or "en", timezone
                ),
            }
        case "recovery_approved":
            return _("%(who)s approved account recovery for %(whom)s.") % told
        case "recovery_stopped":
            return _("%(who)s stopped account recovery for %(whom)s.") % told
        case "recovery_used":
            return _("%(who)s recovered their account. All earlier ways to sign in to it ended.") % told
        case "invited":
            return _("%(who)s invited %(whom)s as: %(roles)s.") % {**told, "roles": _roles(body["roles"])}
        case "confirmed":
            return _("%(who)s confirmed these roles for %(whom)s: %(roles)s.") % {
                **told,
                "roles": _roles(body["roles"]),
            }
        case "refused":
            return _("%(who)s refused these roles for %(whom)s: %(roles)s.") % {**told, "roles": _roles(body["roles"])}
    return " ".join(_changes(body, told))


def _ledger_read(body: Mapping[str, str], who: str) -> str:
    """Return who read which entries of the ledger, or that there were none to read."""
    if "token" in body:
        who = _("The token %(token)s of %(source)s") % body
    if body["count"] == "0":
        return _("%(who)s asked for entries of the ledger from position %(from)s on; there were none.") % {
            **body,
            "who": who,
        }
    return _("%(who)s read entries of the ledger, from position %(from)s to %(to)s.") % {**body, "who": who}


def _changes(body: Mapping[str, str], told: Mapping[str, str]) -> Iterable[str]:
    if body.get("taken"):
        yield _("%(who)s took these roles from %(whom)s: %(roles)s.") % {**told, "roles": _roles(body["taken"])}
    if body.get("asked"):
        yield _("%(who)s asked for these roles for %(whom)s: %(roles)s.") % {**told, "roles": _roles(body["asked"])}
    if body.get("given"):
        yield _("%(who)s gave these roles to %(whom)s: %(roles)s.") % {**told, "roles": _roles(body["given"])}
    if not any(body.get(field) for field in ("taken", "asked", "given")):
        yield _("%(who)s left the roles of %(whom)s as they were.") % told


def _roles(codes: str) -> str:
    return _(", ").join(words.role(code) for code in codes.split())
