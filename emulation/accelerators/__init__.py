"""Carries the connections of clients through the accelerators of the emulated Global Accelerator: listens on their
static addresses, and forwards each connection to a healthy endpoint near the client.

The modules: `configuration` (reads the accelerators from the APIs of the emulated AWS), `routing` (chooses an
endpoint), `forwarding` (forwards one connection), `service` (listeners and health checks).

The service runs in its own process, so that a test can end Global Accelerator and keep Route 53.
"""
