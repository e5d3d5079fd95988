"""Bodies of uploads for schemathesis, which knows none of their kinds: `SCHEMATHESIS_HOOKS=api_bodies`."""

import gzip
import json
from typing import Any

import schemathesis
from hypothesis import strategies as st

_ROW = st.fixed_dictionaries(
    {"problem": st.text(max_size=30), "steps": st.lists(st.text(max_size=30), max_size=4)},
    optional={"id": st.text(max_size=10), "answer": st.text(max_size=5), "other": st.integers()},
)
_LINE = st.one_of(_ROW.map(lambda row: json.dumps(row).encode()), st.binary(max_size=40))
_UPLOAD = st.lists(_LINE, max_size=6).map(b"\n".join)

schemathesis.openapi.media_type("application/x-ndjson", _UPLOAD)
schemathesis.openapi.media_type(
    "application/vnd.apache.parquet", st.binary(max_size=200).map(b"PAR1".__add__)
)
schemathesis.openapi.media_type("application/gzip", _UPLOAD.map(gzip.compress))


@schemathesis.serializer("application/x-ndjson", "application/vnd.apache.parquet", "application/gzip")
def as_it_is(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
