"""Emulates Spanner: PostgreSQL databases behind Spanner's REST API, with an emulation of change streams."""
