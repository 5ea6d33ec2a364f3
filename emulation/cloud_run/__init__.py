"""Emulates the Cloud Run runtime: runs the deployed sources of each service in separate processes."""
