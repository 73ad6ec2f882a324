"""Staff sign-in: invitations, passkeys, a code with a password, recovery (`docs/design/sign-in.md`)."""
