"""What the tiers agree on: key forms, ports, regions, and the names of secrets and metrics.

The code twin of docs/architecture.md. Nothing here imports another folder of the project, a cloud SDK or Pulumi, and
nothing does I/O. Functions are deployed with the modules that they import, so each module stays small.
"""
