"""What the history of all checks is searched by.

Two indexes, both of checks alone: results, which the flush writes, have none more.  Measured over rows added to 400,000
in pieces of 10,000, of Postgres's own processor time: 3.7 µs a row without them, 4.2 with the one by time (41 bytes),
7.3 with both (91 bytes more to keep, 330 more in the WAL).  A check costs some 200 µs in all.  One by domain and
address as texts instead of hashes, or one for each of the two, costs 9.6 µs and 130 to 170 bytes.
"""

import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0026_attachments"),
        ("verification", "0030_uploads_of_a_form"),
    ]

    operations = [
        migrations.AddField(
            model_name="check",
            name="key",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="accounts.licensekey",
            ),
        ),
        migrations.AddIndex(
            model_name="check",
            index=models.Index(fields=["account", "created_at", "id"], name="check_by_account"),
        ),
        migrations.AddIndex(
            model_name="check",
            index=models.Index(
                models.F("account"),
                models.Func("domain", function="hashtext", output_field=models.IntegerField()),
                models.Func(
                    django.db.models.functions.text.Lower("address"),
                    function="hashtext",
                    output_field=models.IntegerField(),
                ),
                name="check_by_address",
            ),
        ),
    ]
