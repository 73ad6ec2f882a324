"""Ways of signing in, and what is wrong with a form, in the visitor's language."""

from __future__ import annotations

from django.utils.translation import gettext as _


def how(name: str) -> str:
    """Return by what a session began."""
    names = {
        "passkey": _("with a passkey"),
        "totp": _("with a password and a code"),
        "recovery": _("after a recovery"),
        "command": _("from the command line"),
        "example": _("from the front page of the example"),
    }
    return names[name]


def looks_alike() -> str:
    """Return what is wrong with an e-mail address that may look like another one, and the mend."""
    return _("This address mixes letters that look alike. Type it again, all in letters of one script.")


def old_zone(zone: str) -> str:
    """Return the name to write in place of a time zone's old one."""
    return _("This is an old name of a time zone. Write %(zone)s.") % {"zone": zone}


def refusal(field: str) -> str:
    """Return what is wrong with a field of a form, and the mend."""
    sentences = {
        "name": _("Write the name by which colleagues know them."),
        "email": _("Write an e-mail address that no colleague has yet, like ada@example.org."),
        "office": _("Choose an office that there is."),
        "language": _("Choose one of the languages."),
        "roles": _("Choose at least one role. The last administrator has to stay one."),
        "password": _(
            "Use at least 12 characters that are hard to guess, such as a sentence of your own: no name, no season with"
            " a year, no keys in a row, no repetition."
        ),
        "old": _("This is not your password. Nothing was changed."),
        "code": _("This is not the code that the phone shows now. Wait for the next one, and write that."),
        "passkey": _("This is your only way to sign in. Add another before you remove it."),
        "id": _("Use lower-case letters, digits and hyphens."),
        "timezone": _("Write a time zone such as Europe/Paris."),
    }
    return sentences[field]
