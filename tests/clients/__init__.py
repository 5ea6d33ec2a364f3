"""Tests which actions real package clients can do through the edge of `make up`; docs/clients.md shows the verdicts."""
