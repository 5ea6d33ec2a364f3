"""Constants and formats that the tiers share: object keys, ports, regions, and names of secrets and metrics.

docs/contracts.md describes the same contract. No module here imports another folder of the project, a cloud SDK or
Pulumi, or does I/O. Functions are deployed with the modules that they import, so each module stays small.
"""
