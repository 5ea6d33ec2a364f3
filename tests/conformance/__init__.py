"""Runs public conformance suites against the edge network that `make up` starts. Writes the suites' reports to
dist/conformance/.
"""
