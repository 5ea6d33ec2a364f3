"""The emulated Cloud Run's and Pub/Sub's own sides; emulation/cloud_run has the processes."""
