"""The doors of staff sign-in and administration. Other rooms' pages use `signed_in` and `needs`."""

from wayfare.access.signin.web.doors import StaffRequest, from_our_pages, needs, signed_in

__all__ = ["StaffRequest", "from_our_pages", "needs", "signed_in"]
