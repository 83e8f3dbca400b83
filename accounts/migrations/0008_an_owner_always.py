"""No account without an owner: the database refuses to take the last one away, whoever tries.

Checked at the end of the transaction, so that ownership can change hands; the account's row is locked first, so that of
two who take an owner away at once the second sees what the first did.
"""

from django.db import migrations

GUARD = """
CREATE FUNCTION refuse_account_without_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM accounts_account WHERE id = OLD.account_id FOR NO KEY UPDATE;
    IF FOUND AND NOT EXISTS (
        SELECT 1 FROM accounts_membership WHERE account_id = OLD.account_id AND role = 'owner'
    ) THEN
        RAISE EXCEPTION 'account % would have no owner', OLD.account_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_has_an_owner';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER account_has_an_owner AFTER UPDATE OR DELETE ON accounts_membership
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.role = 'owner') EXECUTE FUNCTION refuse_account_without_owner();
"""

UNGUARD = """
DROP TRIGGER account_has_an_owner ON accounts_membership;
DROP FUNCTION refuse_account_without_owner();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_invitation")]
    operations = [migrations.RunSQL(GUARD, UNGUARD)]
