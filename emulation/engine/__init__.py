"""The Pulumi engine of a sandbox: found, downloaded or built; and the environment in which a shell uses it."""
