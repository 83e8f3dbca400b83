"""The audit log, append-only: the database refuses to change or delete an entry."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


GUARD = """
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON accounts_auditentry
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
"""

UNGUARD = """
DROP TRIGGER audit_append_only ON accounts_auditentry;
DROP FUNCTION refuse_audit_change();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0005_greylist_retry'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('actor_label', models.CharField(max_length=254)),
                ('action', models.CharField(max_length=40)),
                ('object_type', models.CharField(blank=True, max_length=60)),
                ('object_id', models.CharField(blank=True, max_length=64)),
                ('object_label', models.CharField(blank=True, max_length=200)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('before', models.JSONField(blank=True, null=True)),
                ('after', models.JSONField(blank=True, null=True)),
                ('request_id', models.CharField(blank=True, max_length=32)),
                ('client_address', models.GenericIPAddressField(blank=True, null=True)),
                ('account', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.account')),
                ('actor', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'audit log',
                'indexes': [models.Index(fields=['at'], name='audit_by_time'), models.Index(fields=['account', '-id'], name='audit_by_account'), models.Index(fields=['actor', '-id'], name='audit_by_actor'), models.Index(fields=['action', '-id'], name='audit_by_action'), models.Index(fields=['object_type', 'object_id', '-id'], name='audit_by_object')],
            },
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
