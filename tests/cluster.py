"""A Ray cluster of three nodes on this machine, each with one processor, whose nodes can be killed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

_NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}


class Nodes:
    """A head and two more nodes, all of them processes of this machine."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster: Any = Cluster(initialize_head=True, head_node_args=_NODE)
        self._others = [self._cluster.add_node(**_NODE) for _ in range(2)]
        self._cluster.wait_for_nodes()

    @property
    def address(self) -> str:
        return self._cluster.address

    def kill(self) -> None:
        """Kill a node with SIGKILL: nothing on it has the time to say goodbye."""
        self._cluster.remove_node(self._others.pop(), allow_graceful=False)

    def kill_head(self) -> None:
        """Kill the node that all others need; the cluster is of no use then."""
        self._cluster.remove_node(self._cluster.head_node, allow_graceful=False)

    def heal(self) -> None:
        """Put a new node in the place of each that was killed."""
        while len(self._others) < 2:
            self._others.append(self._cluster.add_node(**_NODE))
        self._cluster.wait_for_nodes()

    @contextmanager
    def accelerators(self, count: int) -> Iterator[None]:
        """A node more, to which Ray is told that it has accelerators: what it reckons with, not real ones."""
        added = self._cluster.add_node(**{**_NODE, "num_cpus": count}, num_gpus=count)
        self._cluster.wait_for_nodes()
        yield
        self._cluster.remove_node(added)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cluster.shutdown()
