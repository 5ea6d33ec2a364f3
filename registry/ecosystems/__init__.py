"""What each ecosystem (npm, PyPI, OCI) reads from a package and renders for its clients."""
