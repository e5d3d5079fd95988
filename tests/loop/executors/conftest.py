"""A Ray cluster that the tests of this folder share."""

import sys
from collections.abc import Iterator

import pytest
from cluster import Nodes


@pytest.fixture(scope="session")
def shared_nodes() -> Iterator[Nodes]:
    pytest.importorskip("ray", reason="needs the extra `ray`")
    with Nodes() as nodes:
        yield nodes


@pytest.fixture
def nodes(shared_nodes: Nodes) -> Nodes:
    """Three nodes, whatever the test before did to them."""
    shared_nodes.heal()
    return shared_nodes


@pytest.fixture(autouse=True)
def processor() -> Iterator[None]:
    """Runs and restorations set how the processor computes; hypothesis, for one, wants it as it was."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)
