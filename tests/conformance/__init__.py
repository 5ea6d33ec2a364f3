"""Conformance suites of others against the network of `make up`; their reports are written to dist/conformance/."""
