from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    initial = True
    dependencies = (("ledger", "0001_initial"),)
    operations = (migrations.RunSQL("create table toy_room_flight (flight uuid primary key, seats int not null)"),)
