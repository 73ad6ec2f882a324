"""The master keys of this installation, held to the epochs that its database knows."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from wayfare.access.door import door
from wayfare.common.postgres.statements import run
from wayfare.people.index import Keyed
from wayfare.people.knownkeys import compare, known_keys
from wayfare.people.masterkeys import LocalKeys, MasterKeyProblem, MasterKeys
from wayfare.people.statements import called

if TYPE_CHECKING:
    from wayfare.people.tokenkeys import TokenKeys

_local = cache(LocalKeys)


def master_keys() -> MasterKeys:
    """Return whoever keeps this installation's master keys. Raises: MasterKeyProblem."""
    return _local(settings.PEOPLE_KEYS) if settings.KEYS_TOKEN is None else token_keys()


def token_keys() -> TokenKeys:
    """Return the keys of the token that is set. Raises: MasterKeyProblem, also if none is."""
    if settings.KEYS_TOKEN is None:
        mend = "set WAYFARE_KEYS_TOKEN and WAYFARE_KEYS_PIN_FILE"
        raise MasterKeyProblem("token", f"no token is set; {mend}")
    return _in_token(settings.PEOPLE_KEYS, *settings.KEYS_TOKEN, settings.KEYS_PIN_FILE)


@cache
def _in_token(folder: Path, module: str, label: str, pin_file: Path) -> TokenKeys:
    try:
        from wayfare.people.tokenkeys import Token, TokenKeys
    except ImportError:
        mend = "install the extra `wayfare[pkcs11]`"
        raise MasterKeyProblem("token", f"WAYFARE_KEYS_TOKEN needs python-pkcs11, which is not here; {mend}") from None
    return TokenKeys(folder, Token(module, label, pin_file))


def held_keys() -> MasterKeys:
    """Return the master keys, held to those that the database knows: before anything is opened, sealed or searched.

    Within `acting`. Raises: MasterKeyProblem, which says whether they are gone, wrong, older or another home's.
    """
    keys = master_keys()
    compare(keys, known_keys(run))
    return keys


def current_epoch() -> int:
    """Return the epoch to write in. The first one is made where the database knows of no key. Within `acting`.

    Raises: MasterKeyProblem, Forbidden.
    """
    keys, known = master_keys(), known_keys(run)
    compare(keys, known)
    if not known:
        return _first_epoch(keys)
    return max(key.epoch for key in known if key.is_open)


def make_first(keys: MasterKeys) -> int:
    """Make the first epoch, of a database that knows of none; return 1. Raises: MasterKeyProblem."""
    if keys.epochs() not in ([], [1]):
        text = f"{keys.place} has keys of another database, up to epoch {keys.current()}, and this database is new"
        raise MasterKeyProblem("other_folder", f"{text}; name an empty folder in WAYFARE_PEOPLE_KEYS")
    return keys.first()


def _first_epoch(keys: MasterKeys) -> int:
    make_first(keys)
    with door():
        called("select people_note_keys(%s, %s)", [keys.mark(1), keys.index_mark()])
    compare(keys, known_keys(run))  # somebody else may have been first, with keys from elsewhere
    return 1


def keyed(epoch: int, office: str) -> Keyed:
    """Return what makes the search tokens of an epoch and office. Raises: MasterKeyProblem."""
    keys = master_keys()
    return Keyed(keys.index_key(), keys.token_key(epoch, "search"), office)
