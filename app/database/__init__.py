"""The way to Postgres: engine and transactions, compiled statements, migrations."""
