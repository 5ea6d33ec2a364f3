"""Tests what real package clients can do through the edge network that `make up` starts, such as log in, pull an image
or install from a lockfile. docs/clients.md shows the results.
"""
