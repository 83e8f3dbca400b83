from django.db import migrations

MARK = "UPDATE verification_job SET is_reading = true WHERE status = 'parsing'"


class Migration(migrations.Migration):

    dependencies = [
        ('verification', '0009_reading_in_pieces'),
    ]

    operations = [
        migrations.RunSQL(MARK, migrations.RunSQL.noop),
    ]
