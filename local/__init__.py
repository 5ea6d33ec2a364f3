"""The commands of the sandbox that `make up` starts. The sandbox runs the stack on one machine, as real processes on
loopback addresses.
"""
