"""Emulates the network side of AWS Global Accelerator. Listens on the static addresses of accelerators, and forwards
each client connection to a healthy endpoint near the client.

The modules: `configuration` (reads the accelerators from the APIs of the emulated AWS), `routing` (chooses an
endpoint), `forwarding` (forwards one connection), `service` (listeners and health checks).

The service runs in its own process. A test can therefore stop Global Accelerator while Route 53 keeps running.
"""
