r"""LaTeX as MathML, which browsers show without scripts and fonts of ours.

What comes out is built anew from the elements, attributes and values that are named here, with every text
escaped: the LaTeX is a model's, and the library that reads it doesn't escape all that it should. What is not
known, or would not look as it should, is no MathML: its source is shown instead.
"""

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from markupsafe import Markup, escape

_TOKENS = frozenset({"mi", "mn", "mo", "mtext"})
_ELEMENTS = _TOKENS | {
    *("math", "mrow", "mstyle", "mspace", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup"),
    *("munder", "mover", "munderover", "mtable", "mtr", "mtd"),
}
_CHILDREN = {
    **dict.fromkeys(("mfrac", "mroot", "msub", "msup", "munder", "mover"), 2),
    **dict.fromkeys(("msubsup", "munderover"), 3),
}
"""How many these have; LaTeX that isn't finished gives others."""
_RELATIONS = frozenset("=<>≤≥≠≈≡∼≅→⇒⟹⇔⟺∈")
_LONG = 24
"""Characters of LaTeX from which on an expression may be broken."""
_LENGTH = re.compile(r"-?[0-3](?:\.\d+)?em|0")
_YES_OR_NO = re.compile(r"true|false")
_ATTRIBUTES = {
    "display": re.compile(r"block|inline"),
    **dict.fromkeys(("stretchy", "fence", "accent", "displaystyle", "movablelimits"), _YES_OR_NO),
    "form": re.compile(r"prefix|postfix|infix"),
    **dict.fromkeys(("minsize", "maxsize", "width", "linethickness"), _LENGTH),
    "scriptlevel": re.compile(r"[01]"),
    # Browsers know the first alone; the style sheet sees to the others.
    "mathvariant": re.compile(r"normal|bold|italic|bold-italic"),
    "columnalign": re.compile(r"left|center|right"),
}
_TABLES = {
    # The library knows these by name only, and writes their columns in one line.
    **dict.fromkeys(("aligned", "align", "align*", "split", "alignat", "eqnarray", "eqnarray*"), "rl" * 5),
    **dict.fromkeys(("gathered", "gather", "gather*"), "c"),
}
_MODULUS = re.compile(r"\\pmod\s*\{([^{}]*)\}")
_TABLE = re.compile(rf"\\(begin|end)\{{({'|'.join(map(re.escape, _TABLES))})\}}")


def mathml(latex: str, *, is_block: bool) -> Markup | None:
    """Return an expression as MathML.

    Args:
        latex: The expression, without delimiters; at most a few thousand characters (about 40 µs each).
        is_block: Whether it stands alone in its line.

    Returns:
        A `<math>` element, or several where a long expression may go on in the next line; `None` where the
        expression can't be read or shown as it should be.
    """
    # Imported here: reports without maths need none of it.
    from latex2mathml.converter import convert

    try:
        root = ElementTree.fromstring(convert(_rewritten(latex), display="block" if is_block else "inline"))
        roots = _broken(root) if len(latex) > _LONG else [root]
        parts = Markup("<wbr>").join(Markup("").join(_rebuilt(one)) for one in roots)
        return Markup('<span class="apart">{}</span>').format(parts) if is_block and len(roots) > 1 else parts
    except _UnknownError:
        return None
    # The library raises what comes along, and Python where it is nested too deep.
    except Exception:
        return None


class _UnknownError(Exception):
    """Something that is not known to be harmless and shown as it should be."""


def _rewritten(latex: str) -> str:
    """Write what the library does not know, or shows badly, by what it does."""
    return _MODULUS.sub(r"\\quad(\\mathrm{mod}\\ \1)", _TABLE.sub(_as_array, latex))


def _as_array(found: re.Match[str]) -> str:
    end, name = found[1] == "end", found[2]
    return r"\end{array}" if end else rf"\begin{{array}}{{{_TABLES[name]}}}"


def _broken(root: ElementTree.Element) -> list[ElementTree.Element]:
    """Cut an expression before its outermost relations; browsers break no line within a `<math>`."""
    (row,) = root
    roots: list[ElementTree.Element] = []
    for place, child in enumerate(row):
        is_relation = child.tag == row.tag[: -len("mrow")] + "mo" and child.text in _RELATIONS
        if is_relation:
            # Else it would be taken for a sign, and stand close.
            child.set("form", "infix")
        if not place or is_relation:
            is_block = root.get("display") == "block"
            shown = {"display": "inline", **({"displaystyle": "true"} if is_block else {})}
            roots.append(ElementTree.Element(root.tag, shown))
        roots[-1].append(child)
    return roots if len(roots) > 1 else [root]


def _rebuilt(element: ElementTree.Element) -> Iterator[Markup]:
    name = element.tag.rpartition("}")[2]
    text = (element.text or "").strip() if name not in _TOKENS else element.text or ""
    if name == "menclose" and element.get("notation") == "box":
        yield Markup('<mrow class="boxed">')
        name = "mrow"
    elif (
        name not in _ELEMENTS
        or "\\" in text
        or (text and name not in _TOKENS)
        or len(element) != _CHILDREN.get(name, len(element))
    ):
        raise _UnknownError(name)
    else:
        given = [(key, value) for key, value in element.items() if _is_known(key, value)]
        attributes = Markup("").join(Markup(' {}="{}"').format(*one) for one in given)
        yield Markup("<{}{}>").format(Markup(name), attributes)
    yield escape(text)
    for child in element:
        yield from _rebuilt(child)
        if (child.tail or "").strip():
            raise _UnknownError(child.tail)
    yield Markup("</{}>").format(Markup(name))


def _is_known(key: str, value: str) -> bool:
    return key in _ATTRIBUTES and _ATTRIBUTES[key].fullmatch(value) is not None
