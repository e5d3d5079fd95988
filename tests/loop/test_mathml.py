from xml.etree import ElementTree

import pytest
from firstfault.loop.mathml import mathml
from hypothesis import given
from hypothesis import strategies as st

_PIECES = (
    *("\\frac", "\\sqrt", "\\text{", "\\operatorname", "\\mathbf", "\\boxed", "\\left", "\\right", "\\binom"),
    *("\\begin{aligned}", "\\end{aligned}", "\\begin{array}{c|c}", "\\end{array}", "\\hline", "\\color{red}"),
    *("\\href{javascript:alert(1)}{x}", "\\tag{1}", "\\sum", "\\limits", "\\phantom{x}", "\\cancel{x}"),
    *("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "<!DOCTYPE a>", "]]>", "&lt;", "&"),
    *(
        "{",
        "}",
        "^",
        "_",
        "(",
        ")",
        "|",
        "\\\\",
        "<",
        ">",
        '"',
        "'",
        "x",
        "12",
        " ",
        "\n",
        "%",
        "#",
        "\0",
        "é",
        "\ud800",
    ),
)
_KNOWN = {
    *(
        "math",
        "mi",
        "mn",
        "mo",
        "mtext",
        "mrow",
        "mstyle",
        "mspace",
        "mfrac",
        "msqrt",
        "mroot",
        "msub",
        "msup",
    ),
    *("msubsup", "munder", "mover", "munderover", "mtable", "mtr", "mtd"),
}


def _parsed(latex: str, *, is_block: bool = False) -> ElementTree.Element:
    found = mathml(latex, is_block=is_block)
    assert found is not None
    return ElementTree.fromstring(found)


def _texts(root: ElementTree.Element) -> str:
    return "".join(root.itertext())


@pytest.mark.parametrize(
    ("latex", "names"),
    [
        (r"\frac{1}{2}", {"mfrac"}),
        (r"\dfrac{19}{4} \sqrt[3]{x^2 + 1}", {"mfrac", "mroot", "msup"}),
        (r"\sum_{n=1}^\infty x_n", {"msub"}),
        (r"\begin{pmatrix} 2 \\ -7 \end{pmatrix}", {"mtable"}),
        (r"\text{if } x \neq 0", {"mtext"}),
        (r"12 \div 3 = 4\%", {"mo", "mn"}),
    ],
)
def test_an_expression_is_what_it_says(latex: str, names: set[str]) -> None:
    root = _parsed(latex)
    assert root.tag == "math"
    assert names <= {element.tag for element in root.iter()}


def test_lines_that_are_aligned_stay_lines() -> None:
    root = _parsed(r"\begin{aligned} f(3) &= a \\ &= b \end{aligned}", is_block=True)
    assert root.get("display") == "block"
    rows = root.findall(".//mtr")
    assert [_texts(row) for row in rows] == ["f(3)=a", "=b"]
    assert {cell.get("columnalign") for cell in root.iter("mtd")} == {"right", "left"}


def test_a_boxed_answer_has_its_box() -> None:
    (box,) = [element for element in _parsed(r"\boxed{42}").iter() if element.get("class") == "boxed"]
    assert _texts(box) == "42"


@pytest.mark.parametrize(
    "latex",
    [
        r"\nosuchcommand{x}",
        r"x_1_2",
        r"\cancel{x}",
        r"\phantom{x}",
        r"\left( x",
        r"\sqrt{" * 900 + "x" + "}" * 900,
        r"\frac{1",
    ],
)
def test_what_is_not_known_is_no_mathml(latex: str) -> None:
    assert mathml(latex, is_block=False) is None


def test_a_width_that_would_push_the_page_apart_is_left_out() -> None:
    found = mathml(r"x \hspace{900em} y", is_block=False)
    assert found is None or "900" not in found


def test_a_long_expression_in_a_line_may_be_broken_before_its_relations() -> None:
    latex = r"n = 1 \cdot 3^3 + 2 \cdot 3^2 = 27 + 18 \le \text{a = b}"
    found = mathml(latex, is_block=False)
    assert found is not None
    parts = [ElementTree.fromstring(one) for one in found.split("<wbr>")]
    assert [_texts(one) for one in parts] == ["n", "=1·33+2·32", "=27+18", "≤a\u00a0=\u00a0b"]
    assert [one[0].get("form") for one in parts] == [None, "infix", "infix", "infix"]
    apart = mathml(latex, is_block=True)
    assert apart is not None
    assert apart.startswith('<span class="apart"><math display="inline" displaystyle="true">')
    assert apart.count("<wbr>") == 3


def test_a_short_expression_and_a_table_are_not_broken() -> None:
    for latex in ("x = 2", r"\begin{aligned} f(3) &= a + b + c + d \\ &= b + c + d \end{aligned}"):
        for is_block in (False, True):
            assert _parsed(latex, is_block=is_block).get("display") == ("block" if is_block else "inline")


def test_a_modulus_stands_in_small_brackets() -> None:
    root = _parsed(r"3n \equiv 2 \pmod{11}")
    assert _texts(root).replace("\u2003", "").replace("\u00a0", " ").endswith("(mod 11)")
    assert not [one for one in root.iter() if one.get("minsize")]


@given(st.lists(st.sampled_from(_PIECES), max_size=14).map("".join), st.booleans())
def test_nothing_but_mathml_comes_out_whatever_goes_in(latex: str, is_block: bool) -> None:
    found = mathml(latex, is_block=is_block)
    if found is None:
        return
    inside = found.removeprefix('<span class="apart">').removesuffix("</span>")
    for element in (one for part in inside.split("<wbr>") for one in ElementTree.fromstring(part).iter()):
        assert element.tag in _KNOWN
        assert not {"style", "href", "id"} & set(element.attrib)
        assert not [key for key in element.attrib if key.startswith("on") or ":" in key]
