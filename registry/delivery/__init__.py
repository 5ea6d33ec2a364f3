"""Makes published changes visible to clients: writes documents, purges the edge's caches, and updates the quarantine
list, which contains the withdrawn artifacts that the edge refuses. Also reports metrics about this delivery.
"""
