"""The check that identifiers and prose keep to the terms in docs/terms.md."""
