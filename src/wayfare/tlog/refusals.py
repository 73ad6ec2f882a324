"""What is refused about a log has a code of its own, for programs and tests, beside its words."""

from __future__ import annotations


class LogRefusal(ValueError):
    """Something about a log is not as it should be: `code` names the reason, the message says the problem."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
