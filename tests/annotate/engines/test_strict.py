"""What is sent as a schema, by where it goes."""

import json
from typing import Any

import pytest
from firstfault.annotate.engines.chat import Ask, Message
from firstfault.annotate.engines.endpoint import Endpoint
from firstfault.judge.schema import reply_schema

OPENAI = {"type", "properties", "required", "additionalProperties", "items", "enum", "minItems", "maxItems"}
OPENAI |= {"minimum", "maximum"}
BOUNDS = {"minItems", "maxItems", "minimum", "maximum"}


def sent(url: str, schema: dict[str, Any], model: str = "m") -> dict[str, Any]:
    ask = Ask("k", (Message(role="user", content="q"),), schema)
    return Endpoint(model=model, base_url=url).body(ask, with_schema=True)["response_format"]["json_schema"]


def keywords(schema: dict[str, Any]) -> set[str]:
    inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    return set(schema).union(*map(keywords, inner))


def objects(schema: dict[str, Any]):
    if schema.get("type") == "object":
        yield schema
    for part in [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]:
        yield from objects(part)


@pytest.mark.parametrize(
    ("url", "model", "taken"),
    [
        ("https://api.openai.com/v1", "gpt-5-mini", OPENAI),
        ("https://eu.api.openai.com/v1", "gpt-5-mini", OPENAI),
        ("https://api.openai.com/v1", "ft:gpt-4o-mini:us", OPENAI - BOUNDS),
        ("https://us.openai.azure.com/openai/v1", "gpt-4o", OPENAI - BOUNDS),
        ("http://localhost:8000/v1", "ft:mine", OPENAI | {"maxLength"}),
    ],
)
def test_an_endpoint_gets_the_keywords_that_it_takes(url: str, model: str, taken: set[str]):
    whole = sent(url, reply_schema(3), model)
    assert whole["strict"] is True
    assert keywords(whole["schema"]) == taken
    for part in objects(whole["schema"]):
        assert part["required"] == list(part["properties"])
        assert part["additionalProperties"] is False


def test_a_property_may_be_called_like_a_keyword():
    schema = {"type": "object", "properties": {"maxLength": {"type": "string", "maxLength": 3}}}
    [left] = sent("https://api.openai.com/v1", schema)["schema"]["properties"].items()
    assert left == ("maxLength", {"type": "string"})


def test_the_schema_of_an_ask_stays_as_it_is():
    before = json.dumps(reply_schema(2))
    sent("https://api.openai.com/v1", reply_schema(2))
    assert json.dumps(reply_schema(2)) == before
