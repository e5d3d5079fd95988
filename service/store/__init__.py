"""What the service keeps: tables in SQLite or PostgreSQL, API keys, verdicts as rows, the audit log."""
