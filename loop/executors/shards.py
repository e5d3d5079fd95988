"""Finished work as Parquet files, one per shard, in any folder that fsspec can reach.

A file holds all of a shard's records or is not there. Its name carries the shard's number and a key of
what was done with what, so that a list of names tells what need not be done again, and nothing is taken
for the result of other work:

    shard-00012.8c1f30a94b7d.parquet
    _failed/shard-00012.8c1f30a94b7d                 it is to be done again: an endpoint did not answer
    _driver-1f0c.../items/shard-00012.8c1f30a94b7d.json      what other machines are to work on
    _driver-1f0c.../tries/shard-00012.8c1f30a94b7d/9e2b...   somebody is at it, or has died over it

Several drivers may work at one place. Each has a folder of its own for what goes at its end: one that they
shared would be taken away by one of them while another writes into it.

Readers of Parquet folders pass over names that begin with a line.
"""

import hashlib
import json
import os
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar, cast
from uuid import uuid4

from ...datasets.errors import ConfigError, InputError
from ...datasets.records import Record
from ...datasets.store import parquet_bytes, parse_parquet, replacing, sendable

Item = dict[str, Any]
"""What work is done on, as JSON."""

R = TypeVar("R", bound=Record)

_NAME = re.compile(r"shard-(\d{5,})\.([0-9a-f]{12})\.parquet")
_PUT_AT_ONCE = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "oci", "memory"}
"""File systems on which what is written appears whole, and renaming would be a copy."""


MOST_TRIES = 5
"""Processes that may die over one shard."""


class Shard(NamedTuple):
    """One piece of a stage's work."""

    number: int
    """0-based place among the shards."""
    key: str
    """Of its items and of what is done with them."""
    size: int
    """Number of its items."""

    @classmethod
    def of(cls, number: int, items: Sequence[Item], described: object) -> "Shard":
        """Name a shard.

        Args:
            number: Its place.
            items: What the work is done on.
            described: All else that the result depends on, as JSON.
        """
        content = json.dumps([described, items], sort_keys=True, separators=(",", ":"))
        return cls(number, hashlib.sha256(content.encode()).hexdigest()[:12], len(items))

    @property
    def stem(self) -> str:
        """What its files are called, without ending."""
        return f"shard-{self.number:05d}.{self.key}"


@dataclass(frozen=True)
class Shards(Generic[R]):
    """The shards of one stage.

    Args:
        url: Their folder: a path, or a URL such as `s3://bucket/run/verdicts`. It need not exist yet.
        kind: Of the records in them.
    """

    url: str
    kind: type[R]
    driver: str = ""
    """Whose items and tries these are: several may work at the same place, and each takes away its own."""

    @property
    def _own(self) -> str:
        return f"_driver-{self.driver}"

    def finished(self) -> dict[int, str]:
        """Return the keys of the shards that are there, by number; also of those that are to be done again.

        Raises:
            ConfigError: If the folder can't be read.
            InputError: If there are two of one number.
        """
        keys: dict[int, str] = {}
        for name in self._names(""):
            if found := _NAME.fullmatch(name):
                number = int(found[1])
                if keys.setdefault(number, found[2]) != found[2]:
                    raise InputError(f"{self.url}: holds shard {number} twice", hint="Choose another folder.")
        return keys

    def has(self, shard: Shard) -> bool:
        """Whether a shard is finished."""
        with self._explained():
            fs, root = self._opened()
            fs.invalidate_cache()
            there = bool(fs.exists(f"{root}/{shard.stem}.parquet"))
            return there and not fs.exists(f"{root}/_failed/{shard.stem}")

    def write(self, shard: Shard, records: Sequence[R], *, failed: bool = False) -> None:
        """Keep a shard's records; they are there as a whole when this returns.

        Args:
            shard: Which.
            records: All of them.
            failed: Whether some stand for what was not to be had, so that the shard is to be done again.
        """
        mark = f"_failed/{shard.stem}"
        if failed:
            self._put(mark, b"")
        self._put(f"{shard.stem}.parquet", parquet_bytes(records, self.kind))
        if not failed:
            self._remove(mark)

    def failed(self) -> set[str]:
        """Name the shards that are to be done again."""
        return set(self._names("_failed"))

    def read(self, shard: Shard) -> list[R]:
        """Read a finished shard's records.

        Raises:
            InputError: If they can't be read.
        """
        name = f"{shard.stem}.parquet"
        with self._explained():
            fs, root = self._opened()
            content = cast(bytes, fs.cat_file(f"{root}/{name}"))
        return parse_parquet(content, self.kind, f"{self.url}/{name}")

    def write_items(self, shard: Shard, items: Sequence[Item]) -> None:
        """Keep what other machines are to work on."""
        self._put(self._items(shard), sendable(items))

    def read_items(self, shard: Shard) -> list[Item]:
        """Read what is to be worked on."""
        with self._explained():
            fs, root = self._opened()
            return json.loads(cast(bytes, fs.cat_file(f"{root}/{self._items(shard)}")))

    @contextmanager
    def tried(self, shard: Shard) -> Generator[None]:
        """Leave a mark while a shard is being done: one that stays tells of a process that died over it.

        Raises:
            InputError: If `MOST_TRIES` did.
        """
        tries = f"{self._own}/tries/{shard.stem}"
        died = len(self._names(tries))
        if died >= MOST_TRIES:
            raise InputError(
                f"{self.url}: shard {shard.number}: {died} processes died over it",
                hint=f"Ray's logs say of what. Its items are in {self._items(shard)}.",
            )
        name = f"{tries}/{uuid4().hex}"
        self._put(name, b"")
        try:
            yield
        finally:
            self._remove(name)

    def remove_items(self) -> None:
        """Forget what was to be worked on and who was at it, but not what other drivers are at."""
        self._remove(self._own)

    def remove(self) -> None:
        """Forget all shards."""
        self._remove("")

    def _items(self, shard: Shard) -> str:
        return f"{self._own}/items/{shard.stem}.json"

    def _names(self, folder: str) -> list[str]:
        """Name what lies in a folder; nothing where there is none."""
        with self._explained():
            fs, root = self._opened()
            fs.invalidate_cache()
            try:
                paths = cast(list[str], fs.ls(f"{root}/{folder}".rstrip("/"), detail=False))
            except FileNotFoundError:
                paths = []
        return [path.rstrip("/").rpartition("/")[2] for path in paths]

    def _put(self, name: str, content: bytes) -> None:
        with self._explained():
            fs, root = self._opened()
            path = f"{root}/{name}"
            if _protocols(fs) & _PUT_AT_ONCE:
                fs.pipe_file(path, content)
            elif "file" in _protocols(fs):
                with replacing(Path(path)) as temporary:
                    temporary.write_bytes(content)
            else:
                fs.makedirs(path.rpartition("/")[0], exist_ok=True)
                temporary = f"{path}.{uuid4().hex}.part"
                fs.pipe_file(temporary, content)
                fs.mv(temporary, path)

    def _remove(self, name: str) -> None:
        with self._explained():
            fs, root = self._opened()
            fs.invalidate_cache()
            path = f"{root}/{name}".rstrip("/")
            if fs.exists(path):
                # Another process may have removed it since.
                with suppress(FileNotFoundError):
                    fs.rm(path, recursive=True)

    def _opened(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

        fs, root = cast(tuple[Any, str], url_to_fs(self.url))
        return fs, root.rstrip("/")

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except (ImportError, ValueError) as error:
            # What fsspec says of a protocol that it doesn't know, or whose library is missing.
            raise ConfigError(
                f"{self.url}: can't be used: {error}",
                hint="Install what fsspec needs for it (s3fs for s3://, gcsfs for gs://), here and on nodes.",
            ) from None
        except OSError as error:
            raise ConfigError(
                f"{self.url}: can't be used: {error or type(error).__name__}",
                hint="Give a folder or URL that can be read and written, here and on all nodes.",
            ) from None


def absolute(place: str) -> str:
    """Return a folder's path as an absolute one, or a URL as it is: nodes work in other folders."""
    return place if "://" in place else os.path.abspath(place)  # noqa: PTH100 - keeps links


def _protocols(fs: Any) -> set[str]:
    protocol: str | tuple[str, ...] = fs.protocol
    return {protocol} if isinstance(protocol, str) else set(protocol)
