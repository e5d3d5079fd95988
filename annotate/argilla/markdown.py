r"""Untrusted text as Markdown that Argilla shows as that text, and back.

Maths is shown as maths, balanced code as code, and `**a few words**` in bold. Everything else is shown
as the characters that it is: tags, links, images, headings, lists and tables are not obeyed, and
characters that can't be seen stand there by name. What a person leaves unchanged comes back unchanged.

Made for Argilla 2.8.0: marked with line breaks, KaTeX for `$` and `$$` only, then DOMPurify.
"""

import html
import re

from ...datasets.showing import is_hidden
from ..maths import OWN_SPACES, Maths, delimited, find_maths
from .code import Code

_BRACKETED, _ADDED = "\u200a", "\u2009"
r"""After an opening `$`: written as `\(` or `\[`; with line ends that are not the text's own."""
_BREAK = f"\n{_BRACKETED}\n"
"""An end of a paragraph that is not the text's own: for Argilla, an empty line."""
_GAP = f"{_BRACKETED} "
_NO_SPACE = "\ufeff"
"""White space of no width: Argilla's maths must stand between white space or some punctuation."""

_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_AFTER_MATHS = frozenset(" \n\t\u00a0\u3000?!.,:？！。，：" + _NO_SPACE)
_PICTURES = {**{chr(code): chr(0x2400 + code) for code in range(0x20)}, "\x7f": "\u2421"}
_CONTROLS = {picture: char for char, picture in _PICTURES.items()}

_SPECIAL = re.compile(r"\\.|\$|`+|\*+", re.DOTALL)
_BOLD = re.compile(
    r"\*\*(?!step\b)[^\W\d_]+(?:[ ,.:'()/+=-]{1,2}[^\W_]+){0,12}[:.]?\*\*(?=[ \n.,:;]|\Z)", re.IGNORECASE
)
_LINE_START = re.compile(
    # Indented code; headings, quotes and lists; what underlines a heading, rules off or heads a table.
    r"^(?P<indent>(?: {0,3}\t| {4})[ \t]*(?=[^ \t\n]|\Z))?[ \t]*"
    r"(?:(?P<mark>\#|>|[-+*](?=\s|\Z)|[-=_*:|](?=[-=_*:| \t]*$))|\d{1,9}(?P<number>[.)])(?=\s|\Z))?",
    re.MULTILINE,
)
_INLINE = re.compile(
    r"(?P<one>(?<! )\*|\*(?! )|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|<(?=[A-Za-z/!?])|[$`~])"
    r"|\](?P<link>[(:])|(?P<and>&)(?=\#?\w+;)|(?P<angle>⟨)(?=U\+[0-9A-F]{4,6}⟩)"
    r"|(?:https?|ftp)(?P<scheme>:)(?=//)|www(?P<host>\.)|(?<=[\w.+-])(?P<at>@)(?=[\w-])",
    re.IGNORECASE,
)
_WRITTEN = re.compile(
    rf"(?P<ours>{_BREAK}|{_GAP}(?=\$)|{_NO_SPACE})"
    r"|(?P<code>`+)"
    rf"|\$\$(?P<marks>{_BRACKETED}?{_ADDED}?)(?P<lines>\n(?:\\.|[^\\$])+?\n)\$\$(?=\n|\Z)"
    rf"|(?P<dollars>\$\$?)(?P<mark>{_BRACKETED}?)(?P<content>(?:\\.|[^\\$\n])+)(?P=dollars)"
    r"|\\(?P<escaped>[!\"#$%&'*+,\-./:;<=>?@\\^_`{|}~]|[()\[\]](?=\$))"
    r"|(?P<entity>&(?:\#\d{1,7}|\#x[0-9a-f]{1,6}|\w+);)"
    r"|⟨U\+(?P<name>[0-9A-F]{4,6})⟩"
    r"|(?P<picture>[\u2400-\u241f\u2421])",
    re.DOTALL | re.IGNORECASE,
)


def to_markdown(text: str) -> str:
    r"""Write a text as Markdown that Argilla shows as that text.

    Argilla's maths has only `$` and `$$`, so that `\( \)` and `\[ \]` become these; a space without width
    tells them apart, so that nothing is lost. Maths that would hide or move something, and inline maths
    over several lines, is shown as its source.
    """
    written, code = _Written(), Code(text)
    done = position = 0
    while special := _SPECIAL.search(text, position):
        start = special.start()
        position = special.end() if text[start] != "$" else start + 1
        found = _read(text, special, code)
        if found is None:
            continue
        end = found.end if isinstance(found, Maths) else found
        is_block = _is_block(found) if isinstance(found, Maths) else "\n" in text[start:end]
        written.literal(text[done:start], before_block=is_block)
        if isinstance(found, Maths):
            written.maths(found)
        else:
            written.kept(text[start:end], is_block)
        done = position = end
    written.literal(text[done:])
    return "".join(written.atoms)


def from_markdown(text: str) -> str:
    """Return the text that `to_markdown` made this of; it gives every text back.

    What a person wrote anew comes back as Argilla showed it to them, maths as it was typed.
    """
    parts: list[str] = []
    code = Code(text)
    done = position = 0
    while found := _WRITTEN.search(text, position):
        position = found.end()
        if found["code"]:
            position = code.end(found.start()) or position
            continue
        parts += [text[done : found.start()], _original(found)]
        done = position
    return "".join([*parts, text[done:]])


def labelled(label: str, text: str) -> str:
    """Write a text as Markdown after words of our own in bold.

    What `to_markdown` gives is for the start of a line: anywhere else, a block of maths or code would not be
    one, and what is in it would be obeyed.
    """
    content = to_markdown(text)
    is_block = content.startswith("$$") or (content.startswith("`") and Code(content).is_block(0))
    return f"**{label}:**{_BREAK if is_block else ' '}{content}"


def latex_to_markdown(latex: str) -> str:
    r"""Write LaTeX without delimiters, such as the answer `\frac{1}{2}`, as maths; words stay words."""
    return to_markdown(delimited(latex))


def _read(text: str, special: re.Match[str], code: Code) -> Maths | int | None:
    """Return the maths that begins here, or where code or bold words that begin here end."""
    start = special.start()
    if special[0] in ("$", "\\(", "\\["):
        return find_maths(text, start)
    if special[0].startswith("`"):
        return code.end(start)
    if special[0] == "**" and (start == 0 or text[start - 1] in " \n"):
        bold = _BOLD.match(text, start)
        return bold.end() if bold else None
    return None


def _is_block(maths: Maths) -> bool:
    return maths.is_set_apart and "\n" in maths.content


class _Written:
    """Markdown while it is written, in atoms: one for a character or for what stays together."""

    def __init__(self) -> None:
        self.atoms: list[str] = []
        self._last_is_token = False
        """Whether Argilla reads anew after the last atom."""
        self._last_is_maths = False
        self._last_is_block = False

    def literal(self, text: str, before_block: bool = False) -> None:
        if not text:
            return
        at_line_start = not self.atoms or self._last_is_block or self.atoms[-1].endswith("\n")
        if self._last_is_block and text[0] != "\n":
            self._add(_BREAK)
        for atom in _escaped(text, at_line_start, before_block):
            self._add(atom)

    def kept(self, text: str, is_block: bool) -> None:
        if self._last_is_block or (is_block and self.atoms):
            self._add(_BREAK)
        self._add(text, is_token=True)

    def maths(self, maths: Maths) -> None:
        mark = _BRACKETED if maths.opening[0] == "\\" else ""
        content = maths.content
        if _is_block(maths):
            if self.atoms:
                self._add(_BREAK)
            if not (content.startswith("\n") and content.endswith("\n") and len(content) > 2):
                mark, content = mark + _ADDED, f"\n{content}\n"
            self._add(f"$${mark}{content}$$", is_token=True)
            self._last_is_block = True
            return
        if self._last_is_block:
            self._add(_BREAK)
        self._make_room()
        dollars = "$$" if maths.opening in ("$$", "\\[") else "$"
        self._add(f"{dollars}{mark}{content}{dollars}", is_token=True)
        self._last_is_maths = True

    def _make_room(self) -> None:
        """Let maths begin here: Argilla sees it after a space, or where it starts to read."""
        if not self.atoms or self._last_is_token or self.atoms[-1][-1] in " \n":
            return
        last = self.atoms[-1]
        if last in _PUNCTUATION:
            is_after_maths = len(self.atoms) > 1 and re.match(r"\$.", self.atoms[-2])
            self.atoms[-1:] = [_NO_SPACE, f"\\{last}"] if is_after_maths else [f"\\{last}"]
        elif not (len(last) == 2 and last[0] == "\\"):
            self._add(_GAP)

    def _add(self, atom: str, is_token: bool = False) -> None:
        if self._last_is_maths and atom[0] not in _AFTER_MATHS:
            self.atoms.append(_NO_SPACE)
        self.atoms.append(atom)
        self._last_is_token = is_token
        self._last_is_maths = self._last_is_block = False


def _escaped(text: str, at_line_start: bool, before_block: bool) -> list[str]:
    """Return the atoms of a text of which nothing is to be obeyed."""
    slashed, named = _places(text, at_line_start, before_block)
    atoms = [
        f"\\{char}" if place in slashed else f"&#{ord(char)};" if place in named else _atom(char)
        for place, char in enumerate(text)
    ]
    follows = ends = "\n"
    for place in range(len(atoms) - 1, -1, -1):
        # White space at the end of a line is gone before Argilla reads it.
        if atoms[place] == "\\" and (ends == "\n" or follows in _PUNCTUATION):
            atoms[place] = "\\\\"
        follows = atoms[place][0]
        if follows == "\n" or not follows.isspace():
            ends = follows
    return atoms


def _places(text: str, at_line_start: bool, before_block: bool) -> tuple[set[int], set[int]]:
    """Return the places of characters to be escaped by a backslash, and by their number."""
    slashed: set[int] = set()
    named = {found.start() for found in re.finditer(r"\r(?=\n)", text)}
    for line in _LINE_START.finditer(text):
        if line.start() == 0 and not at_line_start:
            continue
        if line["indent"] and not (before_block and line.end("indent") == len(text)):
            named.add(line.start("indent"))
        if line["mark"]:
            slashed.add(line.start("mark"))
        elif line["number"]:
            # `\)` is what ends maths; a person may have typed it.
            (slashed if line["number"] == "." else named).add(line.start("number"))
    for found in _INLINE.finditer(text):
        assert found.lastgroup is not None
        place = found.start(found.lastgroup)
        (named if found[found.lastgroup] in "(&⟨" else slashed).add(place)
    return slashed, named


def _atom(char: str) -> str:
    if char in OWN_SPACES or char in _CONTROLS:
        return f"&#{ord(char)};"
    if is_hidden(char):
        return _PICTURES.get(char) or f"⟨U+{ord(char):04X}⟩"
    return char


def _original(found: re.Match[str]) -> str:
    if found["ours"]:
        return ""
    if found["lines"]:
        content = found["lines"]
        if _ADDED in found["marks"]:
            content = content[1:-1]
        return f"\\[{content}\\]" if _BRACKETED in found["marks"] else f"$${content}$$"
    if found["content"]:
        if found["mark"]:
            return f"\\[{found['content']}\\]" if found["dollars"] == "$$" else f"\\({found['content']}\\)"
        return found[0]
    if found["name"]:
        return chr(min(int(found["name"], 16), 0x10FFFF))
    if found["picture"]:
        return _CONTROLS[found["picture"]]
    return html.unescape(found["entity"]) if found["entity"] else found["escaped"]
