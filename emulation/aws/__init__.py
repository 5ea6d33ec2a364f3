"""Emulates the AWS API for a sandbox: a moto server that also counts and reports requests to the origin."""
