"""The master keys of this installation, held to the epochs that its database knows."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from django.db import connection

from wayfare.people.masterkeys import LocalKeys, MasterKeyProblem, MasterKeys
from wayfare.people.statements import called
from wayfare.people.tokens import Keyed

_local = cache(LocalKeys)


def master_keys() -> MasterKeys:
    """Return whoever keeps this installation's master keys."""
    return _local(settings.PEOPLE_KEYS)


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


def keyed(epoch: int) -> Keyed:
    """Return what makes the search tokens of an epoch. Raises: MasterKeyProblem."""
    keys = master_keys()
    return Keyed(keys.index_key(), keys.token_key(epoch, "search"))
