"""The Pulumi engine of a sandbox: how it is found, downloaded or built, and the shell environment for it."""
