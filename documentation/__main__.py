"""`python -m documentation`: writes the pages of the documentation that describe commands."""

from __future__ import annotations

from documentation.commands import write

if __name__ == "__main__":
    write()
