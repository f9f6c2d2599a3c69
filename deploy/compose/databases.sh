#!/bin/bash
# Runs once, in an empty PostgreSQL: a role and a database for each service, which no other service can open.
set -euo pipefail

make() { # name, password, connections: see crm_local/parts.py
    psql -v ON_ERROR_STOP=1 -U postgres -v name="$1" -v password="$2" -v connections="$3" <<'SQL'
CREATE ROLE :"name" LOGIN CONNECTION LIMIT :connections PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name" TEMPLATE template0;
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

make crm_contacts "$CONTACTS_PASSWORD" 30
make crm_tickets "$TICKETS_PASSWORD" 30
make crm_loyalty "$LOYALTY_PASSWORD" 30
make crm_reporting "$REPORTING_PASSWORD" 60
make crm_vault "$VAULT_PASSWORD" 40

# With this role reporting compares the writers' stores with what it received.
psql -v ON_ERROR_STOP=1 -U postgres -v password="$RECONCILER_PASSWORD" <<'SQL'
CREATE ROLE crm_reconciler LOGIN CONNECTION LIMIT 4 PASSWORD :'password';
ALTER ROLE crm_reconciler SET default_transaction_read_only = on;
GRANT pg_read_all_data TO crm_reconciler;
GRANT CONNECT ON DATABASE crm_contacts, crm_tickets, crm_loyalty TO crm_reconciler;
SQL
