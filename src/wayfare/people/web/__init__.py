"""The pages about people, for staff."""
