"""The emulated hypervisor: boots what the emulated clouds say is running, as real processes."""
