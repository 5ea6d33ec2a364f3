"""Tests the code behind docs/clients.md, the table that shows what each package client can do."""
