"""What `wayfare check` says of people's files."""

from __future__ import annotations

from wayfare.people import epochs
from wayfare.people.installed import master_keys
from wayfare.people.masterkeys import MasterKeyProblem


def vault() -> str:
    """Return what is wrong with the master keys, with the mend; empty if nothing is."""
    try:
        master_keys().check()
        epochs.check_keys()
    except MasterKeyProblem as problem:
        return str(problem)
    return ""
