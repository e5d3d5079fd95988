"""Uploads, row by row."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from firstfault.datasets.errors import InputError
from firstfault.service.work import arrays, unpacking
from firstfault.service.work.uploads import Bad, Good, parse, read_upload
from hypothesis import given
from hypothesis import strategies as st
from service_app import RIGHT

LIMIT = 2000
ALL = 1 << 24
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_GOOD = st.builds(
    lambda question, steps: {"problem": question, "steps": steps},
    st.text(min_size=1).filter(lambda text: bool(text.strip())),
    st.lists(st.text(max_size=20), min_size=1, max_size=4),
)
_LINES = st.one_of(
    _GOOD.map(lambda row: json.dumps(row).encode()),
    _JSON.map(lambda row: json.dumps(row).encode()),
    st.binary(max_size=80)
    .map(lambda line: line.replace(b"\n", b""))
    # Parquet is told by these bytes.
    .filter(lambda line: not line.startswith(b"PAR1")),
    st.just(b"x" * (LIMIT + 5)),
    st.just(b"[" * 1500),
    # An array of objects is told by these; what is no array of objects is a line.
).filter(lambda line: not line.lstrip(b"\xef\xbb\xbf \t\r\v\f").startswith(b"[") or line.startswith(b"[["))


@given(lines=st.lists(_LINES, max_size=8), ends=st.booleans())
def test_every_line_is_a_solution_or_has_a_reason(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], ends: bool
):
    path = tmp_path_factory.mktemp("up") / "x"
    path.write_bytes(b"\n".join(lines) + b"\n" * ends)
    read = list(read_upload(path, LIMIT, ALL))
    filled = [number for number, line in enumerate(lines, 1) if line.strip()]
    bad = [row for row in read if isinstance(row, Bad)]
    assert len(read) == len(filled)
    assert {row.line for row in bad} <= set(filled)
    assert [row.line for row in bad] == sorted(row.line for row in bad)
    for row in read:
        # As databases and answers take it.
        texts = (row.name, row.row) if isinstance(row, Good) else (row.reason,)
        assert all("\0" not in text and text.encode() for text in texts)
    good = [parse(row.row.encode()) for row in read if isinstance(row, Good)]
    expected = [line for number, line in enumerate(lines, 1) if number not in {row.line for row in bad}]
    assert good == [parse(line) for line in expected if line.strip()]


@pytest.mark.parametrize("text", [b"NaN", b'{"a": Infinity}', b"", b"[" * 100_000, b"\xff", b"1" * 5000])
def test_what_is_no_json_is_none(text: bytes):
    with pytest.raises(ValueError, match=r"[a-zA-Z]"):
        parse(text)


def test_a_long_line_is_skipped_and_the_next_is_read(tmp_path: Path):
    path = tmp_path / "x"
    path.write_bytes(b"y" * (5 * LIMIT) + b"\n" + json.dumps(RIGHT).encode())
    first, second = read_upload(path, LIMIT, ALL)
    assert first == Bad(1, f"longer than {LIMIT} bytes")
    assert isinstance(second, Good)
    assert second.name == "right"


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(rows), path)


def test_parquet_rows_of_several_kinds(tmp_path: Path):
    path = tmp_path / "x"
    write_parquet(path, [RIGHT, {"problem": "x"}, {**RIGHT, "id": None}, {**RIGHT, "steps": ["y" * LIMIT]}])
    read = list(read_upload(path, LIMIT, ALL))
    assert [type(row) for row in read] == [Good, Bad, Good, Bad]
    assert [row.name for row in read if isinstance(row, Good)] == ["right", "1"]
    assert [row.line for row in read if isinstance(row, Bad)] == [2, 4]


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_broken_parquet_is_one_error(tmp_path: Path, damage: str):
    path = tmp_path / "x"
    write_parquet(path, [RIGHT] * 50)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] if damage == "cut" else data[:-8] + b"\xff\xff\xff\x7fPAR1")
    with pytest.raises(InputError, match="Parquet"):
        list(read_upload(path, LIMIT, ALL))


def read_all(path: Path, content: bytes, limit: int = LIMIT) -> list[Good | Bad]:
    path.write_bytes(content)
    return list(read_upload(path, limit, ALL))


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_may_be_as_long_as_the_limit_and_no_longer(tmp_path: Path, end: bytes):
    line = json.dumps(RIGHT).encode()
    for limit, kind in ((len(line), Good), (len(line) - 1, Bad), (len(line) // 3, Bad)):
        bad, last = read_all(tmp_path / "x", b"bad\n" + line + end, limit)
        assert isinstance(bad, Bad)
        assert isinstance(last, kind)


def test_line_ends_of_other_systems_and_a_byte_order_mark_are_no_matter(tmp_path: Path):
    line = json.dumps(RIGHT).encode()
    read = read_all(tmp_path / "x", b"\xef\xbb\xbf" + line + b"\r\n\r\n" + line + b"\r\n")
    assert [row.name for row in read if isinstance(row, Good)] == ["right", "right"]
    assert len(read) == 2


def test_json_is_utf_8():
    # Half of a surrogate pair, as bytes; other encodings.
    with pytest.raises(ValueError, match="utf-8"):
        parse(b'{"problem": "\xed\xa0\x80"}')
    for encoding in ("utf-16-le", "utf-16", "utf-32-be"):
        with pytest.raises(ValueError, match=r"utf-8|Expecting"):
            parse(json.dumps(RIGHT).encode(encoding))


def test_how_deep_a_row_may_be_nested_does_not_depend_on_who_reads_it(tmp_path: Path):
    def nested(depth: int) -> Good | Bad:
        row = b'{"problem": "x", "steps": ["1"], "more": ' + b"[" * depth + b"]" * depth + b"}"
        return read_all(tmp_path / "x", row, 1 << 20)[0]

    def from_far_down(frames: int, text: bytes) -> object:
        return parse(text) if frames == 0 else from_far_down(frames - 1, text)

    kept = [row for depth in range(1, 200) if isinstance(row := nested(depth), Good)]
    assert len(kept) >= 50
    # A worker reads it again with more on its stack than the upload had.
    from_far_down(500, kept[-1].row.encode())
    for depth in (200, 900, 990):
        told = nested(depth)
        assert isinstance(told, Bad)
        assert "nested" in told.reason
    # Brackets in a text are no nesting.
    (kept_too,) = read_all(tmp_path / "x", json.dumps({**RIGHT, "problem": "[{" * 500}).encode(), 1 << 20)
    assert isinstance(kept_too, Good)


def test_a_number_that_is_none_is_bad_in_parquet_too(tmp_path: Path):
    write_parquet(tmp_path / "x", [{**RIGHT, "weight": 1.0}, {**RIGHT, "weight": float("nan")}])
    assert [type(row) for row in read_upload(tmp_path / "x", LIMIT, ALL)] == [Good, Bad]


def test_many_rows_of_parquet_keep_their_order(tmp_path: Path):
    write_parquet(tmp_path / "x", [{**RIGHT, "id": str(number)} for number in range(1000)])
    names = [row.name for row in read_upload(tmp_path / "x", LIMIT, ALL) if isinstance(row, Good)]
    assert names == [str(number) for number in range(1000)]


def test_what_json_does_not_have_is_text(tmp_path: Path):
    rows = [{**RIGHT, "id": "a", "answer": Decimal("0.50"), "made": datetime(2026, 1, 2, tzinfo=UTC)}]
    write_parquet(tmp_path / "x", rows)
    (row,) = read_upload(tmp_path / "x", LIMIT, ALL)
    assert isinstance(row, Good)
    assert parse(row.row.encode()) == {
        **RIGHT,
        "id": "a",
        "answer": "0.50",
        "made": "2026-01-02 00:00:00+00:00",
    }
    write_parquet(tmp_path / "y", [{**RIGHT, "problem": b"What is 1 + 1?"}])
    assert [type(row) for row in read_upload(tmp_path / "y", LIMIT, ALL)] == [Bad]


def test_parquet_that_unpacks_to_more_memory_than_there_may_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import pyarrow as pa
    import pyarrow.parquet as pq

    monkeypatch.setattr(unpacking, "_MEMORY", 512 << 20)
    # One text, of which all rows have a copy once it is read.
    long = pa.array(["7" * (8 << 20)]).dictionary_encode().take(pa.array([0] * 200))
    table = pa.table({"problem": long, "steps": [["1"]] * 200})
    pq.write_table(table, tmp_path / "x", store_schema=False)
    assert (tmp_path / "x").stat().st_size < 10 << 20
    with pytest.raises(InputError, match="can't be read as Parquet: it unpacks to more than"):
        list(read_upload(tmp_path / "x", LIMIT, 1 << 40))
    # Of what is no larger than that, rows are read one by one.
    write_parquet(tmp_path / "y", [RIGHT, {**RIGHT, "problem": "7" * (8 << 20)}, RIGHT])
    assert [type(row) for row in read_upload(tmp_path / "y", LIMIT, ALL)] == [Good, Bad, Good]


def test_parquet_of_endless_rows_is_refused(tmp_path: Path):
    write_parquet(tmp_path / "x", [RIGHT] * 100_000)
    assert (tmp_path / "x").stat().st_size < 100_000
    seen: list[Good | Bad] = []
    with pytest.raises(InputError, match="unpacks to more than 1000000 bytes"):
        seen.extend(read_upload(tmp_path / "x", LIMIT, 1_000_000))
    assert 0 < len(seen) <= 1_000_000 // len(json.dumps(RIGHT))


@given(
    rows=st.lists(_JSON, max_size=5),
    first=st.dictionaries(st.text(max_size=8), _JSON, max_size=3),
    indent=st.none() | st.integers(0, 3),
    size=st.integers(1, 9),
)
def test_an_array_is_what_its_elements_are_as_lines(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], first: Any, indent: int | None, size: int
):
    folder = tmp_path_factory.mktemp("array")
    rows = [first, RIGHT, *rows]
    with pytest.MonkeyPatch.context() as patched:
        # Whatever is cut where a piece of the file ends.
        patched.setattr(arrays, "_PIECE", size)
        found = read_all(folder / "array", json.dumps(rows, indent=indent).encode() + b"\n")
    assert found == read_all(folder / "lines", "".join(f"{json.dumps(row)}\n" for row in rows).encode())


def test_elements_that_are_broken_or_too_large_leave_the_others(tmp_path: Path):
    right = json.dumps(RIGHT).encode()
    long = json.dumps({**RIGHT, "problem": "[{" * LIMIT}).encode()
    for content, kinds in (
        (b"[%s, {broken, [}], %s]" % (right, right), [Good, Bad, Good]),
        (b"[%s, %s, %s]" % (right, long, right), [Good, Bad, Good]),
        (b"\xef\xbb\xbf\n [\n%s, %s,\n]\n" % (right, right), [Good, Good]),
        (b"[%s, %s" % (right, right[:-5]), [Good, Bad]),
        (b"[%s] %s" % (right, right), [Good, Good]),
        (b"[%s] more" % right, [Good, Bad]),
        (b"[" + right + b"," + b"[" * 100_000, [Good, Bad]),
    ):
        read = read_all(tmp_path / "x", content)
        assert [type(row) for row in read] == kinds
        assert [row.line for row in read if isinstance(row, Bad)] == [
            number for number, kind in enumerate(kinds, 1) if kind is Bad
        ]


def test_reasons_point_at_what_is_wrong_within_a_line(tmp_path: Path):
    lines = [
        json.dumps(RIGHT),
        '{"problem": "x", "steps": ["1"',
        json.dumps({**RIGHT, "problem": " "}),
        json.dumps({**RIGHT, "problem": 1}),
        json.dumps({**RIGHT, "steps": ["1", "2", None, 4]}),
    ]
    bad = [row for row in read_all(tmp_path / "x", "\n".join(lines).encode()) if isinstance(row, Bad)]
    assert bad == [
        Bad(2, "not JSON: Expecting ',' delimiter at character 32"),
        Bad(3, "problem: empty"),
        Bad(4, "problem: missing or not text"),
        Bad(5, "steps: step 3 is not text"),
    ]
