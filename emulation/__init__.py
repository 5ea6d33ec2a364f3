"""Emulates the clouds on one machine: their APIs, DNS, machines and providers, and the Pulumi engine that uses them."""
