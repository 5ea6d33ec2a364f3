"""Tests the code behind docs/clients.md, the table of package clients and of what each can do."""
