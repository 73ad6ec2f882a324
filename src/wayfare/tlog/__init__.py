"""A transparency log over whatever is appended for ever, in the formats of C2SP (`docs/log.md`)."""
