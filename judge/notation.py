r"""One plain notation for mathematics that models write in many ways.

LaTeX, Unicode signs and Markdown become ASCII arithmetic that `tokens` can read: a fraction becomes
`frac((a)/(b))`, `\cdot` becomes `*`, the text inside `\text{}` becomes words. What has no arithmetic
meaning here keeps a sign that no reader accepts, so that it can never be mistaken for a number.
"""

import re

MAX_CHARACTERS = 20_000
"""Longest step that is read; what lies behind it is not looked at."""

_NESTING = 20
_SIGNS = {
    "\u2212": "-",
    "×": "*",
    "·": "*",
    "⋅": "*",
    "∗": "*",
    "÷": "/",
    "∕": "/",
    "²": "^2",
    "³": "^3",
    "°": " degrees ",
    "π": " pi ",
    "½": "(1/2)",
    "¼": "(1/4)",
    "¾": "(3/4)",
    "⅓": "(1/3)",
    "⅔": "(2/3)",
    "$": " ",
    "€": " ",
    "£": " ",
    "₹": " ",
    "`": " ",
    "\u00a0": " ",
    "≅": "≈",
    "…": "...",
}
_COMMANDS = {
    "times": "*",
    "cdot": "*",
    "ast": "*",
    "div": "/",
    "pi": " pi ",
    "approx": "≈",
    "simeq": "≈",
    "doteq": "≈",
    "neq": "≠",
    "ne": "≠",
    "equiv": "≡",
    "cong": "≡",
    "sim": "≡",
    "pmod": " mod ",
    "bmod": " mod ",
    "mod": " mod ",
    "le": "≤",
    "leq": "≤",
    "lt": "≤",
    "ge": "≥",
    "geq": "≥",
    "gt": "≥",
    "quad": " ",
    "qquad": " ",
    "displaystyle": " ",
    "degree": " degrees ",
    "left": "",
    "right": "",
    "big": "",
    "Big": "",
    "bigl": "",
    "bigr": "",
    "Bigl": "",
    "Bigr": "",
    "lbrace": "@",
    "Rightarrow": "\n",
    "implies": "\n",
    "Longrightarrow": "\n",
    "rightarrow": "\n",
    "to": "\n",
    "therefore": "\n",
    "iff": "\n",
    "Leftrightarrow": "\n",
    "end": "\n",
    "begin": "\n",
    "item": "\n",
}
_SIGN = re.compile("|".join(map(re.escape, _SIGNS)))
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_TEXT = re.compile(r"\\(?:text|textbf|textit|mathrm|mbox|operatorname|mathbf|textrm)\s*\{([^{}]*)\}")
_ENVIRONMENT = re.compile(r"\\(begin|end)\{(?:align|aligned|equation|gather|split|eqnarray)\*?\}")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_SHORT_FRACTION = re.compile(r"\\[dt]?frac\s*(\d)\s*(\d)")
_BINOMIAL = re.compile(r"\\[dt]?binom\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_ROOT = re.compile(r"\\sqrt\s*\{([^{}]*)\}")
_SHORT_ROOT = re.compile(r"\\sqrt\s*(\d)|√\s*(\d+)")
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{([^{}]*)\}")
_DEGREES = re.compile(r"\^\s*(?:\\circ|\{\s*\\circ\s*\}|\(\s*\\circ\s*\))")
_SCRIPT = re.compile(r"([\^_])\s*\{([^{}]*)\}")
_LONE_NUMBER = re.compile(r"(?<![\w)])\(\s*(\d[\d,.]*)\s*\)(?![\w(^!])")
_DOUBLED = re.compile(r"(?<![\w)])\(\(([^()]*)\)\)")
_GROUP = re.compile(r"(?<!\\)\{([^{}]*)\}")


def plain(text: str) -> str:
    """Return `text` in plain notation; line breaks mark where one statement can't go on."""
    text = text[:MAX_CHARACTERS].replace("{,}", ",").replace(r"\!", "")
    text = _DEGREES.sub(" degrees ", text)
    text = _ENVIRONMENT.sub("\n", text)
    text = _layout(text)
    text = _unfold(text)
    text = _SIGN.sub(lambda found: _SIGNS[found[0]], text)
    text = _COMMAND.sub(lambda found: _COMMANDS.get(found[1], " @ "), text)
    text = re.sub(r"\s[–—]\s", " - ", text)
    # A line that starts with a relation goes on with the statement of the line before.
    return re.sub(r"\s*\n\s*(?=[=≈])", " ", text)


def readable(plain_text: str) -> str:
    """Return plain notation as people write it: `9 + frac((33)/(3))` as `9 + (33/3)`."""
    text = plain_text.replace("frac(", "(")
    for _ in range(_NESTING):
        before = text
        text = _LONE_NUMBER.sub(r"\1", text)
        text = _DOUBLED.sub(r"(\1)", text)
        if text == before:
            break
    return re.sub(r"\s+", " ", re.sub(r"(?<=\()\s+|\s+(?=\))", "", text)).strip()


def _layout(text: str) -> str:
    text = re.sub(r"(?m)^\s*(?:[*•-]|\d{1,2}[.)]|\(\d{1,2}\))\s+", "\n", text)
    text = re.sub(r"(?<=[\d)])\*\*(?=[\d(])", "^", text)
    text = re.sub(r"\*\*|__", " ", text)
    text = re.sub(r"\\[\[\]]|\$\$|\\\\", "\n", text)
    text = re.sub(r"\\[()]|\\[,;: $]", " ", text)
    text = text.replace(r"\%", "%").replace(r"\{", " @ ").replace(r"\}", " @ ")
    return re.sub(r"(?<!\\)&", " ", text)


def _unfold(text: str) -> str:
    text = _SHORT_FRACTION.sub(r"frac((\1)/(\2))", text)
    text = _SHORT_ROOT.sub(lambda found: f" sqrt({found[1] or found[2]})", text)
    for _ in range(_NESTING):
        before = text
        text = _TEXT.sub(r" \1 ", text)
        text = _FRACTION.sub(r"frac((\1)/(\2))", text)
        text = _BINOMIAL.sub(r"((\1) choose (\2))", text)
        text = _ROOT.sub(r" sqrt(\1)", text)
        text = _BOX.sub(r" \1 ", text)
        text = _SCRIPT.sub(r"\1(\2)", text)
        text = _GROUP.sub(_group, text)
        if text == before:
            break
    return text


def _group(found: re.Match[str]) -> str:
    # An argument of a command still waits for its neighbour to be unfolded.
    head = found.string[max(0, found.start() - 40) : found.start()]
    tail = found.string[found.end() : found.end() + 1]
    if re.search(r"\\[A-Za-z]+\s*$|\\[dt]?(?:frac|binom)\s*\{[^{}]*\}\s*$", head) or tail == "{":
        return found[0]
    return f"({found[1]})"
