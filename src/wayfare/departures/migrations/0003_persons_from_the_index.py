from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("departures", "0002_roles")]
    operations = [
        migrations.AddIndex(
            model_name="counteddeparture",
            index=models.Index(
                fields=["programme", "day"],
                name="departures_counted_again",
                condition=models.Q(("repeats", True)),
                include=("cluster", "nationality", "sex", "age", "destination", "evidence", "assistance"),
            ),
        ),
        migrations.RemoveIndex(model_name="counteddeparture", name="departures_counted_repeats"),
    ]
