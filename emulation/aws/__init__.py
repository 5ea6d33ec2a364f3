"""The emulated AWS API of the sandbox: a moto server that also counts and reports requests to the origin."""
