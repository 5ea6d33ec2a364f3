"""The emulated clouds, DNS, machines, providers and engine: what stands on one machine in place of the clouds."""
