"""The registry's catalog: packages' metadata records, the audit log, and the outbox of changes to deliver."""
