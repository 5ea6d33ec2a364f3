"""Delivers changes to readers: writes documents, purges caches, and updates the quarantine list. Also reports metrics
of the delivery.
"""
