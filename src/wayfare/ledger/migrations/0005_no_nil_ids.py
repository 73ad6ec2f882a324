"""No entry is, or speaks of, the nil or the max UUID (`rules.NO_IDS`)."""

from __future__ import annotations

from uuid import UUID

from django.db import migrations, models

NIL, MAX = UUID(int=0), UUID(int=2**128 - 1)


class Migration(migrations.Migration):
    dependencies = (("ledger", "0004_log"),)
    operations = (
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                name="ledger_entry_ids",
                condition=models.Q(
                    models.Q(("entry_id__gt", NIL), ("entry_id__lt", MAX)),
                    models.Q(("subject__gt", NIL), ("subject__lt", MAX)),
                    models.Q(object__isnull=True) | models.Q(object__gt=NIL, object__lt=MAX),
                ),
            ),
        ),
    )
