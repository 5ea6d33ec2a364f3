"""Reads npm, PyPI and OCI packages, and renders the documents that clients fetch."""
