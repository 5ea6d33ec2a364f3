"""Emulates Spanner with PostgreSQL databases: Spanner's REST API in front of them, and change streams in them."""
