"""The access room's table."""

from __future__ import annotations

from django.db import models


class AccessToken(models.Model):
    """What lets another system in. The secret is not here, only its hash."""

    id = models.TextField(primary_key=True)
    secret_hash = models.BinaryField()
    source = models.TextField()
    scopes = models.TextField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "access_token"
