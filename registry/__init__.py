"""The operator's command-line tool for keys, packages, tokens and grants.

| folder | what it holds |
| --- | --- |
| commands/ | the command line, with one module for each group of commands |
| ecosystems/ | code that reads npm, PyPI and OCI packages, and renders the documents for their clients |
| catalog/ | packages' metadata records, the audit log and the outbox |
| delivery/ | delivery of committed changes to readers: documents, purges, quarantine, metrics |
| tokens/ | clients' tokens and grants, and the re-sync of their entries at the edge |
| advisories/ | the import of advisories: OSV records, and the data set that the edge reads |
| edge_policy/ | the edge policy: its document, and its versions |
| importing/ | bulk import of existing packages and images |
| cloudflare/ | the client of Workers KV and cache purges, which the functions in workers/ share |
| metadata/ | the metadata database: DynamoDB or Spanner behind one interface |
| origin/ | the origin bucket: S3 or Cloud Storage behind one interface |

`publish`, `amend` and `unpublish` change packages. `visible` measures how fast readers see a change. `keys` creates the
keys with which edge, shields (regional caches) and registry authenticate to each other. `target` reads the stack's
outputs. `caller` identifies the operator for the audit log.
"""


class RegistryError(Exception):
    """Raised for invalid input, or when a cloud refuses a request.

    The message names the cause and what the operator can do.
    """
