"""Groups the reads of several threads. A bulk import thus reads the metadata of many packages with one request to the
database.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future

from registry.metadata import Item, Key, Repository, Write

_Found = Mapping[Key, Item]


class GroupedReads:
    """A metadata repository that groups reads of items by their keys. It passes all other calls to `repository`
    unchanged.

    While one thread reads, other threads that want to read wait. Then one of the waiting threads sends a single request
    that reads the items for all waiting threads.

    A read never joins a request that is already sent. It therefore returns all data that was committed before its call.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._waiting: list[tuple[Collection[Key], Future[_Found]]] = []
        self._change = threading.Lock()
        self._turn = threading.Lock()

    def item(self, partition: str, name: str) -> Item | None:
        return self.items_at([(partition, name)]).get((partition, name))

    def items_at(self, keys: Collection[Key]) -> _Found:
        mine = Future[_Found]()
        with self._change:
            self._waiting.append((keys, mine))
        with self._turn:
            if not mine.done():
                self._read_all()
        found = mine.result()
        return {key: found[key] for key in keys if key in found}

    def _read_all(self) -> None:
        with self._change:
            group, self._waiting = self._waiting, []
        try:
            found = self._repository.items_at({key for keys, _ in group for key in keys})
        except BaseException as error:
            for _, each in group:
                each.set_exception(error)
        else:
            for _, each in group:
                each.set_result(found)

    def items(self, partition: str, *, prefix: str = "", after: str = "") -> Iterator[Item]:
        return self._repository.items(partition, prefix=prefix, after=after)

    def transact(self, writes: Sequence[Write]) -> None:
        self._repository.transact(writes)
