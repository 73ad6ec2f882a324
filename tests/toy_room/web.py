"""The page of flights."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tests.toy_room import projection
from wayfare.access.signin.web import StaffRequest, needs


@require_safe
@needs("supervisor", "travel_officer")
def flights(request: StaffRequest) -> HttpResponse:
    """List the flights with their seats."""
    return render(request, "toy_room/flights.html", {"flights": projection.flights()})
