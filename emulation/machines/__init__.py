"""The emulated hypervisor: runs the machines of the emulated clouds as processes."""
