"""Finds, downloads or builds the Pulumi engine of a sandbox (emulated clouds on this machine), and prepares the shell
environment for it.
"""
