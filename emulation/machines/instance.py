"""A running virtual machine, as the API of its cloud describes it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


class BootError(Exception):
    """Raised when an emulated machine cannot boot. The error's message names the file, command, package or user that
    prevents the boot.
    """


@dataclass(frozen=True)
class Instance:
    """A running virtual machine, as the API of its cloud describes it.

    `disks` lists the names of the machine's local NVMe disks in /dev/disk/by-id. On Google Cloud, `metadata_host` is
    the address of the machine's metadata server; on EC2 it is empty. `reboots` is the number of times that the cloud
    has rebooted the machine.
    """

    id: str
    address: str
    user_data: str
    disks: tuple[str, ...] = ("nvme-Amazon_EC2_NVMe_Instance_Storage_AWS00000000000000001",)
    metadata_host: str = ""
    reboots: int = 0

    @property
    def generation(self) -> str:
        """Returns a hash of a machine's address and user data. The machine runs its first boot again when the hash
        changes."""
        return hashlib.sha256(f"{self.address}\n{self.user_data}".encode()).hexdigest()
