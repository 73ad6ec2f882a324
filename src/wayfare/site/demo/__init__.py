"""`wayfare demo`: an installation of invented people, made to be looked at and tried."""
