"""How long links and ceremonies last, when a passkey was copied, what a password is made of. Pure."""

from __future__ import annotations

import re
import secrets
import unicodedata
from datetime import datetime, timedelta

from wayfare.common import texts

CEREMONY_SECONDS = 300
"""From a challenge to its answer."""
INVITATION = timedelta(days=7)
RECOVERY = timedelta(hours=24)
"""From the request to the second approval. How long one then waits stands in `access_limits`."""
COMMAND_LINK = timedelta(hours=1)
"""How long a recovery link is good that a command on the machine made."""
FRESH = timedelta(minutes=15)
"""So long after a sign-in one may change how one signs in."""
PASSWORD_LEAST, PASSWORD_MOST = 12, 256
"""Characters. A password is never the only proof, so that NIST SP 800-63B would be content with eight."""
PASSWORD_GUESSES = 10**9
"""So many guesses an attacker needs at least who tries words, dates, keys in a row and repetitions first (zxcvbn)."""
_LEFT = 6
"""Letters that a password has besides what is known of its owner."""
TOTP_STEP_SECONDS = 30
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without those that are misheard or misread."""


class NotProved(Exception):
    """Who wants to come in has not proved who they are. `code` is for the log; outside all causes look alike."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def copied(stored: int, told: int) -> bool:
    """Tell whether a passkey's counter went back or stood still: two authenticators then hold one key.

    Both zero is an authenticator that does not count. Source: WebAuthn level 3, section 7.2, step 22.
    """
    return (stored > 0 or told > 0) and told <= stored


def is_fresh(began_at: datetime | None, now: datetime) -> bool:
    """Tell whether a session is there and so young that its owner surely sits there."""
    return began_at is not None and now - began_at < FRESH


def spoken_code() -> str:
    """Return six letters that one colleague reads to another, such as K7F-2QX."""
    letters = [secrets.choice(_LETTERS) for _ in range(6)]
    return "".join(letters[:3]) + "-" + "".join(letters[3:])


def digits(text: str) -> str:
    """Return a code as it is compared: people write it with a blank in its middle, phones with their own digits."""
    bare = "".join(text.split()).replace("-", "")
    return "".join(str(int(one)) if one.isdecimal() else one for one in bare[:12])


def is_made_of(password: str, *texts: str) -> bool:
    """Tell whether little of a password is left without what is known of its owner: their names, parts of addresses."""
    left = password.casefold()
    words = {word for text in texts for word in re.findall(r"\w{3,}", text.casefold())}
    for word in sorted(words, key=len, reverse=True):
        left = left.replace(word, "")
    return sum(one.isalpha() for one in left) < _LEFT


def plain(text: str) -> str:
    """Return a line of text without what no line has; nothing where no character of it is visible."""
    line = texts.one_line(text)
    return line if texts.has_writing(line) else ""


def looks_like_another(email: str) -> bool:
    """Tell whether an address may look like another one: forms of letters that only look apart, letters of two scripts.

    `а@example.org` with a Cyrillic а looks like a colleague's; compared, it is another address.
    """
    if email.isascii():
        return False
    if unicodedata.normalize("NFKC", email) != email or not all(map(texts.is_visible, email)):
        return True
    scripts = {unicodedata.name(one, "").partition(" ")[0] for one in email if one.isalpha()}
    return len({_WRITTEN_WITH.get(one, one) for one in scripts}) > 1


_WRITTEN_WITH = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "KATAKANA-HIRAGANA": "CJK"}
"""Scripts that are written together, as Unicode's names of letters begin."""


def folded_email(text: str) -> str:
    """Return an e-mail address as accounts are told apart by."""
    return plain(text).lower()[:254]
