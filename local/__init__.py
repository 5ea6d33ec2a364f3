"""The commands of the embedded sandbox, which runs the stack on one machine as real processes on loopback addresses."""
