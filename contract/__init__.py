"""Constants and formats that several parts of the project share: object keys, ports, regions, and names of secrets and
metrics.

docs/contracts.md describes these constants and formats. No module in this folder imports another folder of the project,
a cloud SDK or Pulumi, and no module does I/O. The archive of a cloud function contains the modules that the function
imports, so each module stays small.
"""
