"""A form that arrives after the session has ended: its fields are sealed, carried past the sign-in page, shown again.

The browser carries the sealed text in the sign-in forms; the server stores nothing of it. It opens only for the
colleague who typed it, only at the address of the form, and only for two hours.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast
from uuid import UUID

from django.core import signing
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.crypto import constant_time_compare, salted_hmac

from wayfare.access.signin import keys

View = Callable[..., HttpResponse]
FIELD = "kept"
"""The field of a form that carries the sealed text."""
LEAVING = "leaving"
"""The field by which `static/leave.js` says that a form is sent to be kept, and not to be done."""
KEPT_FOR = timedelta(hours=2)
MOST = 40_000
"""Characters of a sealed form. The longest form of a page, a note of 4,000 characters, needs about half."""
REMEMBERED_FOR = timedelta(hours=24)
_SALT = "wayfare.last"
_LEFT_OUT = frozenset({"csrfmiddlewaretoken", FIELD, LEAVING})


class Kept(NamedTuple):
    """A form that was kept; `address`: where it belongs."""

    address: str
    form: QueryDict


def shows_typed(view: View) -> View:
    """Say of a view that a GET with `request.typed` shows its form again, filled in with what was typed."""
    cast(Any, view).shows_typed = True
    return view


def is_shown_by(view: View) -> bool:
    """Tell whether a view shows again what was typed. What is typed in other forms is not kept."""
    return bool(getattr(view, "shows_typed", False))


def sealed(staff: UUID, address: str, form: QueryDict, *, at: datetime) -> str:
    """Return a form sealed for the colleague who typed it; empty if it is too long. Raises: KeyProblem."""
    fields = {name: values for name, values in form.lists() if name not in _LEFT_OUT}
    text = json.dumps({"address": address, "at": at.timestamp(), "form": fields}, ensure_ascii=False)
    key = keys.for_forms(keys.of_this_home())
    box = base64.urlsafe_b64encode(keys.sealed(key, staff.bytes, text.encode())).decode()
    return box if len(box) <= MOST else ""


def opened(box: str, staff: UUID, *, at: datetime) -> Kept | None:
    """Return the form that was sealed for this colleague; None for anything else, or after `KEPT_FOR`.

    Raises: KeyProblem.
    """
    if not box or len(box) > MOST:
        return None
    try:
        data = base64.b64decode(box, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    text = keys.unsealed(keys.for_forms(keys.of_this_home()), staff.bytes, data)
    if text is None:
        return None
    told = json.loads(text)
    if not timedelta(0) <= at - datetime.fromtimestamp(told["at"], at.tzinfo) <= KEPT_FOR:
        return None
    form = QueryDict(mutable=True)
    for name, values in told["form"].items():
        form.setlist(name, values)
    form._mutable = False
    return Kept(told["address"], form)


# Who typed a form that comes without a session


def mark(request: HttpRequest, staff: UUID) -> str:
    """Return what a cookie says of the last sign-in: whose it was, and by which secret its forms are known."""
    return signing.dumps([staff.hex, _forms_of(request)], salt=_SALT)


def who_typed(request: HttpRequest, cookie: str) -> UUID | None:
    """Return the colleague who signed in last in this browser, if the form that is sent is of a page shown since.

    Each sign-in changes the secret of the forms (`rotate_token`), and Django refuses a form with an older one before
    any view. So a form that comes here was shown after the sign-in that the cookie names.
    """
    try:
        staff, forms = signing.loads(cookie, salt=_SALT, max_age=REMEMBERED_FOR)
    except signing.BadSignature:
        return None
    return UUID(staff) if constant_time_compare(forms, _forms_of(request)) else None


def _forms_of(request: HttpRequest) -> str:
    return salted_hmac(_SALT, str(request.META.get("CSRF_COOKIE", "")), algorithm="sha256").hexdigest()
