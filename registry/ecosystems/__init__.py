"""Readers of npm, PyPI and OCI packages, and renderers of the documents that the clients of these ecosystems fetch."""
