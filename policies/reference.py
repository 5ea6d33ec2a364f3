"""`python -m policies.reference`: every policy of the pack, its severity, and the published control behind it."""

from __future__ import annotations

from policies.pack import POLICIES


def main() -> None:
    for policy in POLICIES:
        severity = policy.severity.value if policy.severity else ""
        control = policy.framework.specification if policy.framework else ""
        print(f"{policy.name:<36} {severity:<9} {control}\n    {policy.description}")


if __name__ == "__main__":
    main()
