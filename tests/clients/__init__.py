"""Tests which actions real package clients can do through the edge network that `make up` starts. docs/clients.md shows
the results.
"""
