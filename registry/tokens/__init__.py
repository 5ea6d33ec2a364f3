"""Clients' tokens and grants, and the re-sync of their entries at the edge."""
