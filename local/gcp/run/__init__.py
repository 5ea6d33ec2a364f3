"""The emulated Cloud Run's and Pub/Sub's own sides; local/run has the processes."""
