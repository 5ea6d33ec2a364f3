"""Clients' tokens and grants, and their entries in Workers KV."""
