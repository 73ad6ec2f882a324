"""The manifest of access: staff, sign-in, purposes, the access record, tokens."""

from __future__ import annotations

from wayfare.common.rooms import Command, Room, Use

ROOM = Room(
    groups={
        "staff": "Staff: who works here, and as what.",
        "token": "Tokens for other systems.",
    },
    commands={
        "staff": {
            "invite": Command(
                "wayfare.access.signin.cli:invite", "Invite somebody; prints a link that works once.", Use.MAKES
            ),
            "list": Command("wayfare.access.signin.cli:list_", "List the staff and the open invitations."),
            "leave": Command("wayfare.access.signin.cli:leave", "Let a colleague leave, from the next request on."),
            "recover": Command(
                "wayfare.access.signin.cli:recover", "Let a colleague back in; prints a link that works once."
            ),
            "recoveries": Command(
                "wayfare.access.signin.cli:recoveries", "List the open requests for account recovery."
            ),
            "stop-recovery": Command("wayfare.access.signin.cli:stop_recovery", "Stop an account recovery."),
            "unblock": Command("wayfare.access.signin.cli:unblock", "Allow a colleague to sign in by password again."),
            "office": Command("wayfare.access.signin.cli:office", "Add an office, or change one.", Use.MAKES),
            "offices": Command("wayfare.access.signin.cli:offices", "List the offices."),
            "renew-key": Command("wayfare.access.signin.cli:renew_key", "Make a new key where one of sign-in is lost."),
        },
        "token": {
            "add": Command("wayfare.access.cli:add", "Make a token for a source.", Use.MAKES),
            "list": Command("wayfare.access.cli:list_", "List the tokens."),
            "revoke": Command("wayfare.access.cli:revoke", "End a token."),
        },
    },
    jobs=("wayfare.access.gate:watch",),
    checks={"sign-in": "wayfare.access.checks:sign_in"},
    pages="wayfare.access.web.urls:PAGES",
    api="wayfare.access.ledger_api:ROUTERS",
    navigation="wayfare.access.web.navigation:ITEMS",
    home="wayfare.access.web.home:PARTS",
)
