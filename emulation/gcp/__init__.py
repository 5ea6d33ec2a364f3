"""Emulates Google Cloud: the administrative REST APIs that the project's resources need (README.md)."""
