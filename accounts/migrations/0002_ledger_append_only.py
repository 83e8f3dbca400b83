"""The ledger is append-only: the database refuses to change or delete an entry."""

from django.db import migrations

GUARD = """
CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only';
END $$;
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE ON accounts_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION refuse_ledger_change();
"""

UNGUARD = """
DROP TRIGGER ledger_append_only ON accounts_ledgerentry;
DROP FUNCTION refuse_ledger_change();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunSQL(GUARD, UNGUARD)]
