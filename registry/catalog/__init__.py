"""What is on record about packages: artifacts, their metadata records, the audit log and the outbox."""
