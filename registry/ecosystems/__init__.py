"""Readers of npm, PyPI and OCI packages. Also renders the documents that clients fetch."""
