"""Every way in which Argilla reads its search engine, on the real server and through the official SDK."""

import uuid
from typing import Any, NamedTuple

import httpx
import pytest
from serving import Serving

rg = pytest.importorskip("argilla", reason="needs the extra `review`")

COUNT = 12
STEPS = ["1", "2", "3"]
TEXTS = {3: """50% of "it's" _all_ '); DROP TABLE records; --""", 4: "ÄPFEL and oranges", 5: "two apples"}


class Filled(NamedTuple):
    """A dataset with suggestions and the answers of two reviewers."""

    dataset: Any
    owner: httpx.Client
    first: httpx.Client
    second: httpx.Client

    def search(self, client: httpx.Client | None = None, **query: Any) -> list[int]:
        """Search as the owner, or as a reviewer among what is theirs; return the records' numbers."""
        mine = "" if client is None else "/me"
        path = f"{mine}/datasets/{self.dataset.id}/records/search"
        answer = (client or self.owner).post(path, json=query)
        assert answer.status_code == 200, answer.text
        found = [int(item["record"]["external_id"]) for item in answer.json()["items"]]
        assert answer.json()["total"] == len(found)
        return found

    def filtered(self, *filters: dict[str, Any]) -> list[int]:
        return sorted(self.search(filters={"and": list(filters)}))


def record(number: int) -> Any:
    suggestions = [
        rg.Suggestion(
            "first_fault",
            STEPS[number % 3],
            score=number / 10,
            agent="symbolic" if number < 6 else "panel/v1",
        ),
        rg.Suggestion("severity", number % 5 + 1, agent="symbolic"),
    ]
    return rg.Record(
        id=str(number),
        fields={"solution": TEXTS.get(number, f"Solution number{number}")},
        metadata={"model": "a" if number % 2 else "b", "n_steps": number, "confidence": number / 10}
        if number < 11
        else {},
        suggestions=suggestions if number < 10 else [],
    )


def answer(client: httpx.Client, records: dict[str, str], number: int, status: str, step: str | None) -> None:
    # Without values at all the SDK can't list the record.
    values = {} if step is None else {"first_fault": {"value": step}, "severity": {"value": number + 1}}
    body = {"items": [{"record_id": records[str(number)], "status": status, "values": values}]}
    done = client.post("/me/responses/bulk", json=body)
    assert done.json()["items"][0]["error"] is None, done.text


@pytest.fixture(scope="module")
def filled(serving: Serving) -> Filled:
    client = rg.Argilla(api_url=serving.url, api_key=serving.credentials["api_key"])
    workspace = client.workspaces("review")
    reviewers = []
    for name in ("ann1", "ann2"):
        user = rg.User(username=name, password="a long password", role="annotator", client=client).create()
        user.add_to_workspace(workspace)
        reviewers.append(serving.client(_key_of(serving, name)))
    settings = rg.Settings(
        fields=[rg.TextField(name="solution", use_markdown=True, client=client)],
        questions=[
            rg.LabelQuestion(name="first_fault", labels=STEPS),
            rg.RatingQuestion(name="severity", values=list(range(11))),
        ],
        metadata=[
            rg.TermsMetadataProperty("model", client=client),
            rg.IntegerMetadataProperty("n_steps", client=client),
            rg.FloatMetadataProperty("confidence", client=client),
        ],
        vectors=[rg.VectorField(name="place", dimensions=2)],
        distribution=rg.TaskDistribution(min_submitted=2),
    )
    dataset = rg.Dataset(
        name=f"d-{uuid.uuid4()}", workspace=workspace, settings=settings, client=client
    ).create()
    records = [record(number) for number in range(COUNT)]
    for number, each in enumerate(records[:4]):
        each.vectors["place"] = [1.0, float(number)]
    dataset.records.log(records)
    owner = serving.client()
    listed = owner.get(f"/datasets/{dataset.id}/records", params={"limit": 100}).json()["items"]
    ids = {item["external_id"]: item["id"] for item in listed}
    first, second = reviewers
    for number, step in enumerate(("1", "2", "3", "1")):
        answer(first, ids, number, "submitted", step)
    answer(first, ids, 4, "draft", "2")
    answer(first, ids, 5, "discarded", None)
    answer(second, ids, 0, "submitted", "2")
    return Filled(dataset, owner, first, second)


def _key_of(serving: Serving, name: str) -> str:
    form = {"username": name, "password": "a long password"}
    token = httpx.post(f"{serving.url}/api/v1/token", data=form).json()["access_token"]
    me = httpx.get(f"{serving.url}/api/v1/me", headers={"Authorization": f"Bearer {token}"}).json()
    return me["api_key"]


def terms(entity: str, *values: Any, **scope: str) -> dict[str, Any]:
    return {"type": "terms", "scope": {"entity": entity, **scope}, "values": list(values)}


def bounds(entity: str, ge: Any = None, le: Any = None, **scope: str) -> dict[str, Any]:
    return {"type": "range", "scope": {"entity": entity, **scope}, "ge": ge, "le": le}


def fault(prop: str = "value") -> dict[str, str]:
    return {"question": "first_fault", "property": prop}


MODEL, STEPS_OF, SURE = ({"metadata_property": name} for name in ("model", "n_steps", "confidence"))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([terms("metadata", "a", **MODEL)], [1, 3, 5, 7, 9]),
        ([terms("metadata", "a", "b", **MODEL)], list(range(11))),
        ([terms("metadata", "a' OR '1'='1", **MODEL)], []),
        ([bounds("metadata", 3, 5, **STEPS_OF)], [3, 4, 5]),
        ([bounds("metadata", le=0.25, **SURE)], [0, 1, 2]),
        ([terms("suggestion", "2", **fault())], [1, 4, 7]),
        ([terms("suggestion", "2", "3", **fault())], [1, 2, 4, 5, 7, 8]),
        ([bounds("suggestion", 0.7, **fault("score"))], [7, 8, 9]),
        ([terms("suggestion", "panel/v1", **fault("agent"))], [6, 7, 8, 9]),
        ([bounds("suggestion", 4, question="severity", property="value")], [3, 4, 8, 9]),
        ([terms("record", "completed", property="status")], [0]),
        ([terms("record", "7", "8", property="external_id")], [7, 8]),
        ([bounds("record", "2000-01-01T00:00:00", property="inserted_at")], list(range(12))),
        ([bounds("record", le="2000-01-01T00:00:00Z", property="inserted_at")], []),
        ([terms("response", "submitted", property="status")], [0, 1, 2, 3]),
        ([terms("response", "draft", "discarded", property="status")], [4, 5]),
        ([terms("response", "pending", property="status")], [6, 7, 8, 9, 10, 11]),
        ([terms("response", "pending", "draft", property="status")], [4, 6, 7, 8, 9, 10, 11]),
        (
            [
                terms("metadata", "a", **MODEL),
                bounds("metadata", 4, **STEPS_OF),
                terms("suggestion", "2", **fault()),
            ],
            [7],
        ),
    ],
)
def test_filters(filled: Filled, filters: list[dict[str, Any]], expected: list[int]):
    assert filled.filtered(*filters) == expected


def test_filters_by_answer_and_by_whose_it_is(filled: Filled):
    """Responses are filtered by the user who asks, where that is a reviewer."""

    def mine(client: httpx.Client, one: dict[str, Any]) -> list[int]:
        return sorted(filled.search(client, filters={"and": [one]}))

    step = {"question": "first_fault"}
    assert mine(filled.first, terms("response", "1", **step)) == [0, 3]
    assert mine(filled.second, terms("response", "1", **step)) == []
    assert mine(filled.second, terms("response", "2", **step)) == [0]
    assert mine(filled.first, bounds("response", 2, 3, question="severity")) == [1, 2]
    assert mine(filled.first, terms("response", "submitted", property="status")) == [0, 1, 2, 3]
    assert mine(filled.second, terms("response", "pending", property="status")) == list(range(1, 12))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("APPLES", [5]),
        ("two apples", [5]),
        ('"two apples"', [5]),
        ('"apples two"', []),
        ("number1", [1, 10, 11]),
        ("number1 -number11", [1, 10]),
        ("number7|number8", [7, 8]),
        ("50%", [3]),
        ("_all_", [3]),
        ("%", [3]),
        ("'); DROP TABLE records; --", [3]),
        ("", list(range(12))),
        ("(", list(range(12))),
        ("word " * 2000, []),
        ("x" * 60_000, []),
    ],
)
def test_text(filled: Filled, text: str, expected: list[int]):
    assert sorted(filled.search(query={"text": {"q": text}})) == expected
    assert sorted(filled.search(query={"text": {"q": text, "field": "solution"}})) == expected


def order(entity: str, direction: str, **scope: str) -> list[dict[str, Any]]:
    return [{"scope": {"entity": entity, **scope}, "order": direction}]


def test_sorting_puts_records_without_a_value_last(filled: Filled):
    assert filled.search(sort=order("metadata", "desc", **STEPS_OF)) == [*range(10, -1, -1), 11]
    assert filled.search(sort=order("metadata", "asc", **SURE)) == list(range(12))
    assert filled.search(sort=order("suggestion", "desc", **fault("score")))[:10] == list(range(9, -1, -1))
    by_step = filled.search(sort=order("suggestion", "asc", **fault()))
    assert [number % 3 for number in by_step[:10]] == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert set(filled.search(sort=order("record", "asc", property="inserted_at"))) == set(range(12))
    severity = {"question": "severity"}
    assert filled.search(filled.first, sort=order("response", "desc", **severity))[:4] in (
        [4, 3, 2, 1],
        [3, 2, 1, 0],
    )


def test_reviewers_go_through_the_records_in_an_order_of_their_own_and_always_the_same(filled: Filled):
    orders = [filled.search(client) for client in (filled.first, filled.second)]
    assert orders == [filled.search(client) for client in (filled.first, filled.second)]
    assert [sorted(each) for each in orders] == [list(range(12))] * 2
    assert orders[0] != orders[1]


def test_a_bound_that_is_none_is_refused(filled: Filled):
    path = f"/datasets/{filled.dataset.id}/records/search"
    for one in (bounds("metadata", "abc", **SURE), bounds("record", "soon", property="inserted_at")):
        assert filled.owner.post(path, json={"filters": {"and": [one]}}).status_code == 422


def test_progress_of_the_dataset_and_of_each_reviewer(filled: Filled):
    def of(client: httpx.Client, path: str) -> dict[str, Any]:
        return client.get(f"{path}/datasets/{filled.dataset.id}/{'metrics' if path else 'progress'}").json()

    progress = of(filled.owner, "")
    assert (progress["total"], progress["completed"], progress["pending"]) == (12, 1, 11)
    assert of(filled.first, "/me")["responses"] == {
        "total": 12, "submitted": 4, "discarded": 1, "draft": 1, "pending": 6,
    }  # fmt: skip
    assert of(filled.second, "/me")["responses"]["submitted"] == 1


def test_metrics_of_metadata(filled: Filled):
    listed = filled.owner.get(f"/me/datasets/{filled.dataset.id}/metadata-properties").json()["items"]
    metrics = {
        each["name"]: filled.owner.get(f"/metadata-properties/{each['id']}/metrics").json() for each in listed
    }
    assert metrics["model"]["total"] == 11
    assert metrics["model"]["values"] == [{"term": "b", "count": 6}, {"term": "a", "count": 5}]
    assert (metrics["n_steps"]["min"], metrics["n_steps"]["max"]) == (0, 10)
    assert (metrics["confidence"]["min"], metrics["confidence"]["max"]) == (0.0, 1.0)


def test_records_like_another(filled: Filled):
    close = {"vector": {"name": "place", "value": [1.0, 0.0]}}
    assert filled.search(query=close) == [0, 1, 2, 3]
    assert filled.search(query={"vector": {**close["vector"], "order": "least_similar"}}) == [3, 2, 1, 0]
    assert filled.search(query=close, filters={"and": [terms("metadata", "a", **MODEL)]}) == [1, 3]


def test_the_sdk_lists_with_filters_and_responses(filled: Filled):
    def numbers(*conditions: tuple[str, str, Any]) -> list[int]:
        found = filled.dataset.records(
            query=rg.Query(filter=rg.Filter(list(conditions))), with_responses=True
        )
        return sorted(int(each.id) for each in found)

    assert numbers(("metadata.model", "==", "a"), ("metadata.n_steps", ">=", 4)) == [5, 7, 9]
    assert numbers(("status", "==", "completed")) == [0]
    assert numbers(("response.status", "==", "draft")) == [4]
    assert numbers(("first_fault.suggestion", "==", "2")) == [1, 4, 7]
    (both,) = filled.dataset.records(
        query=rg.Query(filter=rg.Filter([("status", "==", "completed")])), with_responses=True
    )
    assert sorted(each.value for each in both.responses["first_fault"]) == ["1", "2"]


def test_what_is_changed_or_deleted_is_found_as_it_is_now(filled: Filled):
    dataset = filled.dataset
    extra = rg.Record(id="100", fields={"solution": "late"}, metadata={"n_steps": 100})
    dataset.records.log([extra])
    assert filled.search(query={"text": {"q": "late"}}) == [100]
    dataset.records.log([rg.Record(id="100", fields={"solution": "later"}, metadata={"n_steps": 101})])
    assert filled.filtered(bounds("metadata", 101, **STEPS_OF)) == [100]
    dataset.records.delete([next(iter(dataset.records(query=rg.Query(query="later"))))])
    assert filled.search(query={"text": {"q": "late"}}) == []
