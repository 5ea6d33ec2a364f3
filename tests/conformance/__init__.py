"""Runs public conformance suites against the network of `make up`, and writes their reports to dist/conformance/."""
