"""What `wayfare check` says of sign-in."""

from __future__ import annotations

from django.db import connections

from wayfare.access import door
from wayfare.access.keyfiles import KeyProblem
from wayfare.access.signin import keys as codes


def sign_in() -> str:
    """Return what is wrong with the keys of sign-in, with the mend; empty if nothing is."""
    try:
        with connections["owner"].cursor() as cursor:
            door.check(cursor)
            codes.check(cursor)
    except KeyProblem as problem:
        mend = "or, if it is lost for good, make a new one with `wayfare staff renew-key`"
        return f"{problem}, {mend}"
    return ""
