"""The Pulumi engine of the embedded world: found, downloaded or built; and the environment in which a shell uses it."""
