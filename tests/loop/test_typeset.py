from firstfault.loop.typeset import typeset, typeset_answer


def test_maths_is_set_and_words_around_it_are_escaped() -> None:
    shown = typeset(r"<b>If</b> \(x^2 = 4\) & more")
    assert shown.startswith("&lt;b&gt;If&lt;/b&gt; <math")
    assert "<msup>" in shown
    assert shown.endswith("</math> &amp; more")
    assert r"\(" not in shown


def test_maths_that_stands_alone_is_set_apart() -> None:
    assert 'display="block"' in typeset(r"so \[x = 2\]")
    assert 'display="inline"' in typeset("so $x = 2$")


def test_amounts_of_money_stay_words() -> None:
    assert typeset("He pays $5 and then $10 more") == "He pays $5 and then $10 more"


def test_what_can_not_be_set_is_shown_as_its_source() -> None:
    for source in (r"$\nosuchcommand x$", r"\(x_1_2\)", r"$\href{javascript:alert(1)}{x}$", r"\(open"):
        assert typeset(source) == source


def test_a_formula_that_is_cut_in_two_is_shown_as_its_source() -> None:
    shown = typeset("so $x + y + z$ holds", 10)
    assert shown.startswith("so $x + y")
    assert "<math" not in shown


def test_an_answer_needs_no_delimiters() -> None:
    assert "<mfrac>" in typeset_answer(r"\frac{1}{2}")
    assert typeset_answer("1/2") == "1/2"
    assert typeset_answer("<i>no</i>") == "&lt;i&gt;no&lt;/i&gt;"


def test_an_answer_that_is_too_long_is_clipped() -> None:
    assert "more characters" in typeset_answer(r"\frac{1}{2}" * 100)
