"""A run's dataset in Argilla: finding it, making it, reading its records."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...datasets.errors import ConfigError
from .connection import Connection, sdk
from .form import Form

_MARK = "firstfault"
_PAGE = 500


class Place(NamedTuple):
    """Where in Argilla a run's solutions are reviewed."""

    workspace: str
    dataset: str
    run: str
    """Identifies the run whose solutions they are."""


def open_dataset(connection: Connection, place: Place, form: Form, min_submitted: int) -> str:
    """Find the dataset, or make it; return its id on the server.

    Raises:
        ConfigError: If there is one of that name that holds another run or has another form.
        EndpointError: If the server can't be used.
    """
    with connection.explained():
        client = connection.client
        dataset: Any = client.datasets(place.dataset, workspace=place.workspace)
        if dataset is not None and connection.get(f"datasets/{dataset.id}")["status"] == "draft":
            # Making it was cut short: nobody has seen it, and it can't hold records.
            connection.send("DELETE", f"datasets/{dataset.id}")
            dataset = None
        if dataset is None:
            settings = form.settings(client, min_submitted)
            made = (
                sdk()
                .Dataset(name=place.dataset, workspace=place.workspace, settings=settings, client=client)
                .create()
            )
            connection.send("PATCH", f"datasets/{made.id}", {"metadata": {_MARK: {"run": place.run}}})
            return str(made.id)
        dataset_id = str(dataset.id)
        check_run(connection, dataset_id, place)
        form.check(connection, dataset_id, place.dataset)
        return dataset_id


def find_dataset(connection: Connection, place: Place) -> str | None:
    """Return the id of the dataset on the server; `None` where there is none.

    Raises:
        ConfigError: If it holds another run.
        EndpointError: If the server can't be used.
    """
    with connection.explained():
        client = connection.client
        if client.workspaces(place.workspace) is None:
            return None
        dataset: Any = client.datasets(place.dataset, workspace=place.workspace)
        if dataset is None:
            return None
        check_run(connection, str(dataset.id), place)
        return str(dataset.id)


def check_run(connection: Connection, dataset_id: str, place: Place) -> None:
    """Make sure that a dataset is this run's.

    Raises:
        ConfigError: If it is not.
    """
    metadata: dict[str, Any] = connection.get(f"datasets/{dataset_id}").get("metadata") or {}
    mark: dict[str, Any] = metadata.get(_MARK, {})
    run = mark.get("run")
    if run is None and not _first_record(connection, dataset_id):
        # Killed between making it and marking it: nobody else's.
        connection.send("PATCH", f"datasets/{dataset_id}", {"metadata": {_MARK: {"run": place.run}}})
        return
    if run != place.run:
        whose = "another run" if run else "something else than a run of firstfault"
        raise ConfigError(
            f"{place.dataset}: this dataset holds {whose}", hint="Choose another name with --name"
        )


def list_records(connection: Connection, dataset_id: str, *include: str) -> Iterator[dict[str, Any]]:
    """Yield a dataset's records in the order in which they came, also while others are added."""
    offset = 0
    while True:
        found = connection.get(
            f"datasets/{dataset_id}/records", offset=offset, limit=_PAGE, include=list(include)
        )
        yield from found["items"]
        offset += len(found["items"])
        if not found["items"] or offset >= found["total"]:
            return


def _first_record(connection: Connection, dataset_id: str) -> bool:
    return bool(connection.get(f"datasets/{dataset_id}/records", offset=0, limit=1)["items"])
