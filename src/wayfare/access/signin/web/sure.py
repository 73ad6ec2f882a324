"""What cannot be taken back with one click is asked once more, on a page that says what will happen."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from wayfare.access.signin.web.doors import StaffRequest


def ask_once_more(request: StaffRequest, question: str, says: str, button: str, back: str = "") -> HttpResponse | None:
    """Return the page that asks, None once it was answered with yes; it sends the same form again.

    `says`: what will happen. `back`: where "Cancel" leads; the page itself if it is left out. Works without JavaScript.
    """
    if request.POST.get("sure") == "yes":
        return None
    given = [
        (name, value) for name, values in request.POST.lists() for value in values if name != "csrfmiddlewaretoken"
    ]
    context = {"question": question, "says": says, "button": button, "given": given, "back": back or request.path}
    response = render(request, "access/sure.html", context)
    response.headers["Cache-Control"] = "no-store"
    return response
