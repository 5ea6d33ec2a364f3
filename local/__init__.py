"""The embedded sandbox: the same stack on one machine, as real processes on loopback addresses."""
