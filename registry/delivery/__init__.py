"""Delivers changes to readers: documents, cache purges, quarantine, and the delivery's metrics."""
