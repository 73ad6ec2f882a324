"""Wayfare: every departure counted once."""

__version__ = "0.1.0"
