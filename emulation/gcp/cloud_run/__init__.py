"""Emulates the APIs of Cloud Run and Pub/Sub. The package emulation/cloud_run runs the processes of the services."""
