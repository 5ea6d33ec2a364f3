"""The control planes of the emulated Cloud Run and Pub/Sub; emulation/cloud_run runs the services' processes."""
