"""The operator's tool: keys between the tiers, packages, tokens and grants.

| room | holds |
| --- | --- |
| commands/ | the command line, a module for each group of commands |
| ecosystems/ | what npm, PyPI and OCI each read from a package and render for their clients |
| catalog/ | what is on record about packages, with the audit log and the outbox |
| delivery/ | how a committed change reaches readers: documents, purges, quarantine, metrics |
| tokens/ | clients' tokens and grants, and the re-sync of their entries at the edge |
| importing/ | bulk import of packages that others built |
| cloudflare/ | the client of Workers KV and cache purges, which the functions in workers/ share |
| metadata/ | the metadata database: DynamoDB or Spanner behind one interface |
| origin/ | the origin bucket: S3 or Cloud Storage behind one interface |

`publish`, `amend` and `unpublish` change what is published; `visible` follows a change to its readers; `keys` makes the
keys; `target` reads the stack's outputs; `caller` says who acts.
"""


class RegistryError(Exception):
    """What the operator gave cannot be used, or a cloud refused; the message names the thing and the way out."""
