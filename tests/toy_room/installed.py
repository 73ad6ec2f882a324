"""A pytest plugin: the toy room is on the list of installed rooms before any setting is read."""

from __future__ import annotations

from wayfare.site import rooms

rooms.INSTALLED.append("tests.toy_room")
