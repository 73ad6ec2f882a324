"""The master keys of this installation, held to the epochs that its database knows."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection

from wayfare.people.index import Keyed
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


def current_epoch() -> int:
    """Return the epoch to write in; the database notes it at its first use. Within `acting`.

    A folder of keys that belongs to another database is told here, before anything is sealed under it.
    Raises: MasterKeyProblem, Forbidden.
    """
    keys = master_keys()
    epoch = keys.current()
    with connection.cursor() as cursor:
        cursor.execute("select mark from people_epoch where epoch = %s", [epoch])
        noted = cursor.fetchone()
    if noted is None:
        (noted,) = called("select people_note_epoch(%s, %s)", [epoch, keys.mark(epoch)])
    if bytes(noted[0]) != keys.mark(epoch):
        mend = "put the folder that belongs to this database back"
        raise MasterKeyProblem("other_folder", f"the key of epoch {epoch} is not the one the database knows; {mend}")
    return epoch


def keyed(epoch: int, office: str) -> Keyed:
    """Return what makes the search tokens of an epoch and office. Raises: MasterKeyProblem."""
    keys = master_keys()
    return Keyed(keys.index_key(), keys.token_key(epoch, "search"), office)
