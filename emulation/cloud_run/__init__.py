"""The emulated Cloud Run's services as real code in real processes: what Cloud Run does around a container."""
