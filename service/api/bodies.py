"""Bodies of requests that the OpenAPI document describes by hand, since they are read as they come."""

from typing import Any

from ...datasets.records import Problem, Solution

EXAMPLE: dict[str, Any] = {
    "id": "s-17",
    "problem": "Ann has 3 boxes of 4 pens and gives 5 away. How many pens are left?",
    "steps": ["3 * 4 = 12", "12 - 5 = 8", "The answer is 8"],
    "answer": "7",
}
SOLUTION: dict[str, Any] = {
    "type": "object",
    "required": ["problem", "steps"],
    "properties": {
        "id": {"description": "Stands for it in the result, as text."},
        "problem": {"type": "string", "minLength": 1, "description": "The question."},
        "steps": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "answer": {"type": "string", "description": "The reference answer, for judges that are shown it."},
        "generator": {"type": "string", "description": "The model that wrote the steps."},
    },
    "description": (
        "A solution as in ProcessBench. Taken as well: PRM800K's rows, and firstfault's own solutions "
        f"({', '.join(Solution.model_fields)}) with their problem ({', '.join(Problem.model_fields)}) "
        "under `problem`."
    ),
}
NDJSON = "application/x-ndjson"
PARQUET = "application/vnd.apache.parquet"
UPLOAD: dict[str, Any] = {
    "required": True,
    "content": {
        NDJSON: {
            "schema": {"type": "string", "description": "A solution per line."},
            "example": '{"problem": "What is 2 + 2?", "steps": ["2 + 2 = 5"]}\n',
        },
        "application/json": {
            "schema": {
                "type": "array",
                "items": {},
                "description": "Solutions, as ProcessBench's files are.",
            },
            "example": [{"problem": "What is 2 + 2?", "steps": ["2 + 2 = 5"]}],
        },
        PARQUET: {"schema": {"type": "string", "format": "binary"}},
        "application/gzip": {
            "schema": {"type": "string", "format": "binary", "description": "Any of these, packed."}
        },
    },
}
EVENT: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"type": "object", "description": "An event as Argilla sends it."},
            "example": {
                "type": "response.created",
                "version": 1,
                "data": {"record": {"dataset": {"name": "my-run", "workspace": {"name": "review"}}}},
            },
        }
    },
}
