"""The regional shield: NVMe caches between the edge and the origin buckets."""
