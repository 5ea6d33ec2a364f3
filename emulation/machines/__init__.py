"""Emulates a hypervisor: runs the virtual machines of the emulated clouds as processes."""
