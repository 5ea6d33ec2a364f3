"""Emulates Spanner: its REST API, its databases and its change streams. PostgreSQL stores the databases."""
