"""Checks that identifiers and prose use the terms in docs/terms.md."""
