"""The doors of staff sign-in and administration. Other rooms' pages use `signed_in` and `needs`."""

from wayfare.access.signin.web.doors import StaffRequest, from_our_pages, needs, signed_in
from wayfare.access.signin.web.kept import shows_typed

__all__ = ["StaffRequest", "from_our_pages", "needs", "shows_typed", "signed_in"]
