"""Wayfare's connections to PostgreSQL: Django's own, with the settings that the code relies on."""
