"""The doors of staff sign-in and administration. Other rooms' pages use `signed_in` and `needs`."""

from wayfare.access.signin.web.doors import StaffRequest, needs, signed_in

__all__ = ["StaffRequest", "needs", "signed_in"]
