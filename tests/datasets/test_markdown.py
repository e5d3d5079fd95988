import re

import pytest
from firstfault.datasets.markdown import Markdown, code, fenced, inline
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

GITHUB = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HOSTILE = [
    "<script>alert(1)</script>",
    "![x](https://evil.example/pixel.png)",
    "[click](javascript:alert(1))",
    "| a | b |\n|---|---|\n| c | d |",
    "```\n</code>\n# heading\n```",
    "# heading",
    "https://evil.example/ and www.evil.example",
    "\u202eevil\u202c \x1b[31mred",
    "&lt;b&gt; &#60;img src=x onerror=alert(1)&#62;",
    "---\nlicense: mit\n---",
    "{{ 7 * 7 }} {% raw %}",
    "* item\n1. item\n> quote",
]


def kinds(text: str) -> set[str]:
    tokens = GITHUB.parse(text)
    return {token.type for one in tokens for token in (one, *(one.children or []))}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_a_line_is_text(text):
    found = kinds(f"Before {inline(text)} after.")
    assert found <= {"paragraph_open", "inline", "text", "paragraph_close", "text_special"}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_a_cell_stays_in_its_cell(text):
    table = f"| a | b |\n|---|---|\n| {inline(text)} | {code(text)} |\n"
    cells = [token for token in GITHUB.parse(table) if token.type == "td_open"]
    assert len(cells) == 2
    assert not kinds(table) & {"html_inline", "html_block", "link_open", "image", "heading_open"}


@given(st.text())
def test_a_block_of_code_ends_where_it_should(text):
    tokens = GITHUB.parse(f"{fenced(text)}\n\nafter")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]


@given(st.text(alphabet="ab`|\\<&*_# \n"))
def test_no_text_becomes_anything_but_text(text):
    assert kinds(f"x {inline(text)}") <= {
        "paragraph_open",
        "inline",
        "text",
        "paragraph_close",
        "text_special",
    }


def test_what_is_markdown_already_stays():
    assert inline(Markdown("**bold**")) == "**bold**"
    assert inline(3) == "3"
    assert re.fullmatch(r"`` a`b ``|``a`b``", code("a`b"))
