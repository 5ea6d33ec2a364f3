"""Tests the code that generates docs/clients.md. The page has a table of what each package client can do."""
