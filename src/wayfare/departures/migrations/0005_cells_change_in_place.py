from django.db import migrations

# A cell is changed again and again. Where no index speaks of the number in it and its page has room, PostgreSQL changes
# it in place (HOT), which touches no index.
ROOM = "alter table departures_monthcell set (fillfactor = 80); alter table departures_daycell set (fillfactor = 80)"
NO_ROOM = "alter table departures_monthcell reset (fillfactor); alter table departures_daycell reset (fillfactor)"


class Migration(migrations.Migration):
    dependencies = (("departures", "0004_day_cells_of_every_dimension"),)
    operations = (
        migrations.RemoveIndex("monthcell", "departures_monthcell_empty"),
        migrations.RemoveIndex("daycell", "departures_daycell_empty"),
        migrations.RunSQL(ROOM, NO_ROOM),
    )
