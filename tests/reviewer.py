"""A reviewer who answers over Argilla's own HTTP API, as its web page does."""

from typing import Any, Self

import httpx


class Reviewer:
    """Someone who has logged in.

    Args:
        url: Of the server.
        username: Of an account.
        password: Of that account.
    """

    def __init__(self, url: str, username: str, password: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v1", timeout=60)
        answer = self._http.post("/token", data={"username": username, "password": password})
        answer.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def datasets(self) -> dict[str, str]:
        """Return the ids of the datasets that they see, by name."""
        return {one["name"]: one["id"] for one in self._http.get("/me/datasets").json()["items"]}

    def pending(self, dataset_id: str, limit: int = 500) -> list[dict[str, Any]]:
        """Return the next records to answer, with suggestions, in the order in which the page shows them."""
        query = {"filters": {"type": "and", "and": [_pending()]}}
        found = self._http.post(
            f"/me/datasets/{dataset_id}/records/search",
            params={"limit": limit, "include": ["suggestions", "responses"]},
            json=query,
        )
        found.raise_for_status()
        return [one["record"] for one in found.json()["items"]]

    def answer(self, record_id: str, status: str = "submitted", **values: str) -> str:
        """Answer a record; return the answer's id once the server has accepted it."""
        content = {name: {"value": value} for name, value in values.items()}
        said = self._http.post(
            f"/records/{record_id}/responses", json={"status": status, "values": content or None}
        )
        said.raise_for_status()
        return said.json()["id"]

    def change(self, answer_id: str, status: str, **values: str) -> None:
        """Change an answer."""
        content = {name: {"value": value} for name, value in values.items()}
        said = self._http.put(f"/responses/{answer_id}", json={"status": status, "values": content or None})
        said.raise_for_status()


def _pending() -> dict[str, Any]:
    return {"type": "terms", "scope": {"entity": "response", "property": "status"}, "values": ["pending"]}
