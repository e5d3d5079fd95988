from firstfault.annotate.maths import all_maths, delimited


def test_the_maths_of_a_text_is_found_with_its_place() -> None:
    text = r"With $x$ and \$5, \[y = 2\] and $$z$$ follow; a lone $ is none."
    assert [(text[start : one.end], one.is_set_apart) for start, one in all_maths(text)] == [
        ("$x$", False),
        (r"\[y = 2\]", True),
        ("$$z$$", True),
    ]


def test_an_answer_in_latex_gets_delimiters_and_one_in_words_none() -> None:
    assert delimited(r"\frac{3}{4}") == r"\(\frac{3}{4}\)"
    assert delimited("2^{10}") == r"\(2^{10}\)"
    for other in ("42", "Ann and Ben", r"\href{x}{y}", "$x^2$ is it", ""):
        assert delimited(other) == other
