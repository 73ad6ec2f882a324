"""What the doors of all staff pages share: who is here, a ceremony between two requests, how often one may try."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.middleware.csrf import rotate_token
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from wayfare.access import events
from wayfare.access import operations as access
from wayfare.access import queries as staff
from wayfare.access.callers import address_of
from wayfare.access.purposes import ROLES
from wayfare.access.rules import Actor, Forbidden, secret_hash
from wayfare.access.signin import operations, passkeys, queries, rules, tries
from wayfare.access.signin.passkeys import Site
from wayfare.access.signin.rules import CEREMONY_SECONDS, NotProved
from wayfare.access.signin.web import kept

View = Callable[..., HttpResponse]
_SALT = "wayfare.ceremony"
_DEVICE_SALT = "wayfare.device"
_ACCOUNTS_A_DEVICE = 5


class StaffRequest(HttpRequest):
    """A request of somebody who is signed in."""

    actor: Actor
    session_secret: str
    """For `operations.acting`."""
    typed: QueryDict | None
    """What was typed before a sign-in, for a view that `kept.shows_typed`: the method is then GET."""


# Who is here


def private(view: View) -> View:
    """Let no cache keep what a page shows."""

    @wraps(view)
    def respond(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response.headers["Cache-Control"] = "no-store"
        return response

    return respond


def presented(request: HttpRequest) -> str:
    """Return the session's secret that a request brings, empty if it brings none."""
    return str(request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""))


def signed_in(view: View) -> View:
    """Let only staff with a session in; the request then has `actor` and `session_secret`. Others go to sign in.

    The guarded view tells whom it lets in as `roles`: a test holds the line of its page to that.
    A form that arrives after the session has ended is kept (`kept`) and comes back here after the sign-in: its view
    gets it as `typed`, with the method GET, so that no view does what a form asks that nobody has sent again.
    """

    @wraps(view)
    @private
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        secret, now = presented(request), timezone.now()
        actor = staff.actor(secret, at=now) if secret else None
        if actor is None or (request.method == "POST" and kept.LEAVING in request.POST):
            return _to_sign_in(request, actor, keeps=kept.is_shown_by(view))
        events.known(actor.staff)
        access.note_session_use(secret)
        known = cast(StaffRequest, request)
        known.actor, known.session_secret, known.typed = actor, secret, None
        if request.method == "POST" and kept.FIELD in request.POST:
            found = kept.opened(request.POST[kept.FIELD], actor.staff, at=now)
            if found is None or found.address != request.get_full_path() or not kept.is_shown_by(view):
                return HttpResponseRedirect(reverse("staff-home"))
            known.typed, known.method, known.POST = found.form, "GET", QueryDict()
        try:
            return view(known, *args, **kwargs)
        except Http404:
            del known.actor  # so that the page says the same as at an address that does not exist
            raise

    guarded.roles = frozenset(ROLES)  # type: ignore[attr-defined]
    return guarded


def is_fresh(request: StaffRequest) -> bool:
    """Tell whether who is here signed in just now, as for what changes how they sign in."""
    now = timezone.now()
    return rules.is_fresh(staff.session_began(request.session_secret, at=now), now)


def from_our_pages(view: View) -> View:
    """Let a look be asked for from our own pages or an address that was typed, not by another site's link or picture.

    Browsers say where a request comes from (`Sec-Fetch-Site`); what is old and does not say has `SameSite` cookies.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            events.note("refused", why="from_elsewhere")
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


def needs(*roles: str) -> Callable[[View], View]:
    """Let only staff in one of these roles in. To other staff the page is not there; nobody else learns that it is."""

    def guard(view: View) -> View:
        @signed_in
        @wraps(view)
        def guarded(request: StaffRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.actor.roles & set(roles):
                events.note("refused", why="role")
                raise Http404
            try:
                return view(request, *args, **kwargs)
            except Forbidden:  # a role that was taken since, or an object that is not theirs
                raise Http404 from None

        guarded.roles = frozenset(roles)  # type: ignore[attr-defined]
        return guarded

    return guard


def _to_sign_in(request: HttpRequest, actor: Actor | None, *, keeps: bool) -> HttpResponse:
    """Send to the sign-in page; a form that its page can show again is kept on that page."""
    if request.method == "POST":
        box = _sealed(request, actor) if keeps else ""
        if box:
            return sign_in_page(request, box, status=403)
        return HttpResponseRedirect(reverse("staff-sign-in"))
    back = request.get_full_path() if request.method in ("GET", "HEAD") else ""
    query = f"?{urlencode({'next': back})}" if back else ""
    return HttpResponseRedirect(reverse("staff-sign-in") + query)


def _sealed(request: HttpRequest, actor: Actor | None) -> str:
    """Return the form that a request sends, sealed for who typed it; empty if nobody knows who did."""
    if box := request.POST.get(kept.FIELD, ""):
        return box  # sealed before, and the session ended once more
    who = actor.staff if actor else kept.who_typed(request, request.COOKIES.get(_last_cookie(), ""))
    return kept.sealed(who, request.get_full_path(), request.POST, at=timezone.now()) if who else ""


def sign_in_page(request: HttpRequest, box: str, status: int = 200, **more: Any) -> HttpResponse:
    """Return the sign-in page; `box` is the form that it carries on, empty for none."""
    return render(request, "access/sign_in.html", {"kept": box, **more}, status=status)


def _last_cookie() -> str:
    return str(settings.SESSION_COOKIE_NAME).replace("session", "last")


def way_on(request: HttpRequest) -> str:
    """Return where to go after a sign-in: what `next` names if it is an address here, else the home page."""
    wanted = request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if safe and wanted.startswith("/") else reverse("staff-home")


def let_in(request: HttpRequest, secret: str, to: str) -> HttpResponse:
    """Hand over a new session and go on; the session that was there before, whoever began it, ends."""
    began = queries.session_of(secret)
    events.known(began.staff)
    events.note("signed_in", how=began.how)
    if old := presented(request):
        access.end_session(old, at=timezone.now())
    rotate_token(request)
    response = shown_again(request, secret) or HttpResponseRedirect(to)
    _set_cookie(response, settings.SESSION_COOKIE_NAME, secret, int(access.SESSION.total_seconds()))
    last = kept.mark(request, began.staff)
    _set_cookie(response, _last_cookie(), last, int(kept.REMEMBERED_FOR.total_seconds()))
    response.delete_cookie(_ceremony_cookie(), samesite="Lax")
    _remember_device(request, response, began.staff)
    return response


def shown_again(request: HttpRequest, secret: str) -> HttpResponse | None:
    """Return the page that leads back to the form that a request carries; None if it is not of who is signed in now.

    `secret`: of the session. The page does not send the form's content to be done, only to be shown.
    """
    box, now = request.POST.get(kept.FIELD, ""), timezone.now()
    actor = staff.actor(secret, at=now) if box and secret else None
    found = kept.opened(box, actor.staff, at=now) if actor else None
    if actor is None or found is None:
        return None
    cast(StaffRequest, request).actor = actor  # for the header
    return render(request, "access/kept.html", {"kept": box, "address": found.address})


def let_out(to: str) -> HttpResponse:
    """Take the session's cookie back and go on."""
    response = HttpResponseRedirect(to)
    _set_cookie(response, settings.SESSION_COOKIE_NAME, "", 0)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _set_cookie(response: HttpResponse, name: str, value: str, seconds: int) -> None:
    response.set_cookie(name, value, max_age=seconds, secure=settings.HTTPS, httponly=True, samesite="Lax")


# Ceremonies


def site_of(request: HttpRequest) -> Site:
    """Return where this request thinks it is: one of the host names that we answer to, under the scheme we run with."""
    origin = f"{'https' if settings.HTTPS else request.scheme}://{request.get_host()}"
    return Site(urlsplit(origin).hostname or "", origin)


def _ceremony_cookie() -> str:
    return str(settings.SESSION_COOKIE_NAME).replace("session", "ceremony")


def begin_ceremony(about: str, options: dict[str, Any], state: dict[str, Any]) -> HttpResponse:
    """Answer with what the browser asks an authenticator, and the state of that for it to bring back, signed.

    `about` says what the ceremony is for.
    """
    response = JsonResponse(options)
    _set_cookie(response, _ceremony_cookie(), signing.dumps({"about": about, **state}, salt=_SALT), CEREMONY_SECONDS)
    return response


def finish_ceremony(request: HttpRequest, about: str) -> dict[str, Any]:
    """Return the state that a browser brings back; its challenge is used up by that, whatever comes of the answer.

    Raises: NotProved.
    """
    try:
        text = request.COOKIES.get(_ceremony_cookie(), "")
        state: dict[str, Any] = signing.loads(text, salt=_SALT, max_age=CEREMONY_SECONDS)
    except signing.BadSignature as problem:
        raise NotProved(type(problem).__name__) from None
    if state.pop("about", None) != about:
        raise NotProved("other_ceremony")
    operations.use_challenge(passkeys.challenge_of(state), at=timezone.now())
    return state


def about_link(kind: str, secret: str) -> str:
    """Return what binds a ceremony to a link, without the link's secret."""
    return f"{kind} {secret_hash(secret).hex()}"


# How often one may try, and devices that are known


def wait_seconds(request: HttpRequest, kind: str, email: str | None = None) -> int:
    """Take one try of a kind that `tries` names; return 0, or how many seconds to wait (none is taken)."""
    device = known_device(request, email) if kind == "password" and email else None
    return tries.wait_seconds(kind, address_of(request), email, device)


def known_device(request: HttpRequest, email: str) -> bytes | None:
    """Return by what this device is known for an account, None if nobody signed in to it here before."""
    presented_secrets = _device_secrets(request)
    return tries.known_device(email, presented_secrets, at=timezone.now()) if presented_secrets else None


def _device_cookie() -> str:
    return str(settings.SESSION_COOKIE_NAME).replace("session", "device")


def _device_secrets(request: HttpRequest) -> list[str]:
    """Return the secrets by which this device is known, one for each account that was signed in to here."""
    try:
        found = signing.loads(request.COOKIES.get(_device_cookie(), ""), salt=_DEVICE_SALT, max_age=tries.KNOWN_FOR)
    except signing.BadSignature:
        return []
    return [str(one) for one in found][:_ACCOUNTS_A_DEVICE]


def _remember_device(request: HttpRequest, response: HttpResponse, staff: UUID) -> None:
    """Know this device for an account: by a secret that is new at each sign-in."""
    now, earlier = timezone.now(), _device_secrets(request)
    email = queries.email_of(staff)
    mine = {one for one in earlier if tries.known_device(email, [one], at=now)}
    kept = [one for one in earlier if one not in mine]
    secret = tries.remember_device(staff, mine, at=now)
    value = signing.dumps([secret, *kept][:_ACCOUNTS_A_DEVICE], salt=_DEVICE_SALT)
    _set_cookie(response, _device_cookie(), value, int(tries.KNOWN_FOR.total_seconds()))


def too_many(request: HttpRequest, seconds: int) -> HttpResponse:
    """Answer a try that came too soon."""
    events.note("slowed", seconds=seconds)
    context = {"seconds": seconds, "kept": request.POST.get(kept.FIELD, "")}
    response = render(request, "access/wait.html", context, status=429)
    response.headers["Retry-After"] = str(seconds)
    return response


def not_proved(problem: NotProved, account: UUID | None = None) -> None:
    """Note why somebody was not let in. What they typed is not noted; an account only if there is one."""
    facts = {"account": account} if account else {}
    events.note("not_signed_in", why=problem.code, **facts)


@private
def form_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that was not sent from a page of ours, or too long ago."""
    events.note("form_refused", why=reason)
    return render(request, "access/again.html", {"kept": request.POST.get(kept.FIELD, "")}, status=403)


@private
def closed(request: HttpRequest) -> HttpResponse:
    """Answer a link that opens nothing: used, run out, withdrawn, or never made."""
    return render(request, "access/closed.html", status=404)
