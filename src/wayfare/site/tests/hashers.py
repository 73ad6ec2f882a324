"""A password hasher for tests whose subject is not the hash: that of the product, with less work."""

from __future__ import annotations

from django.contrib.auth.hashers import ScryptPasswordHasher  # type: ignore[attr-defined]  # the stubs lack it


class QuickScrypt(ScryptPasswordHasher):  # type: ignore[misc]
    """Makes hashes in a hundredth of the time; any scrypt hasher checks them, since they say how they were made."""

    work_factor = 2**6
