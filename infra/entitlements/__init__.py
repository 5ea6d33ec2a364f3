"""Entitlements: what carries tokens and grants from the metadata database to the edge, and answers what it lacks."""
