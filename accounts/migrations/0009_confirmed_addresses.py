"""Addresses of people who are here already count as confirmed: staff made them.  Others they added are forgotten."""

from django.db import migrations
from django.db.models import F


def confirm(apps, schema_editor):
    addresses = apps.get_model("account", "EmailAddress").objects
    users = apps.get_model("accounts", "User").objects
    addresses.filter(verified=False).exclude(email=F("user__email")).delete()
    addresses.filter(email=F("user__email")).update(verified=True)
    for user in users.exclude(emailaddress__email=F("email")).iterator():
        primary = not addresses.filter(user=user, primary=True).exists()
        addresses.create(user=user, email=user.email, verified=True, primary=primary)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_an_owner_always"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]
    operations = [migrations.RunPython(confirm, migrations.RunPython.noop)]
