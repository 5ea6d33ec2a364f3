"""Co-downloads: packages that clients request in one install, although neither is in the list of the other's successors
(docs/decisions/prediction.md).
"""
