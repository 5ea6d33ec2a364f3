"""Finds, downloads or builds the Pulumi engine of a sandbox, and prepares the shell environment for it."""
