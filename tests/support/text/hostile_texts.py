"""Texts that an attacker may put into names, titles and messages: one trick each."""

from __future__ import annotations

import os

TERMINAL = {
    "sets the title": "a\x1b]0;owned\x07b",
    "sets the title, eight bits": "a\x9d0;owned\x9cb",
    "colours": "a\x1b[5;31;47mred\x1b[0m",
    "colours, eight bits": "a\x9b5;31;47mred",
    "clears the screen": "a\x1b[2J\x1b[1;1Hb",
    "goes up and erases": "a\x1b[1F\x1b[2Kb",
    "hides the cursor": "a\x1b[?25lb",
    "resets the terminal": "a\x1bcb",
    "asks for the cursor": "a\x1b[6nb",
    "fills the clipboard": "a\x1b]52;c;cm0gLXJmIC8=\x07b",
    "a link of the terminal": "a\x1b]8;;https://evil.example\x07click\x1b]8;;\x07",
    "a device's string": "a\x1bPq#0;2;0;0;0\x1b\\b",
    "a program's string": "a\x1b_payload\x1b\\b",
    "another alphabet": "a\x0elqqk\x0fb",
    "writes backwards": "secure\x08\x08\x08\x08\x08\x08hacked",
    "returns the carriage": "error\rzoodiff: all fine",
    "forges a line": "a\nzoodiff: all entries are the same",
    "forges a line, as on Windows": "a\r\nzoodiff: fine",
    "turns the page": "a\x0bb\x0cc",
    "next line": "a\x85zoodiff: fine",
    "line separator": "a\u2028zoodiff: fine",
    "paragraph separator": "a\u2029zoodiff: fine",
    "tabs": "a\t\t\tb",
    "a bell": "a\x07b",
    "deletes": "a\x7fb",
    "a zero": "a\x00b",
}
DIRECTION = {
    f"direction U+{number:04X}": f"a{chr(number)}gnp.exe"
    for number in (0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
UNSEEN = {
    "zero width space": "re\u200bsnet",
    "zero width non-joiner": "re\u200csnet",
    "zero width joiner": "re\u200dsnet",
    "word joiner": "re\u2060snet",
    "invisible times": "re\u2062snet",
    "byte order mark": "\ufeffresnet",
    "soft hyphen": "re\u00adsnet",
    "tags": "resnet" + "".join(chr(0xE0000 + ord(c)) for c in "ignore"),
    "variation selectors": "resnet" + "".join(chr(0xE0100 + n) for n in range(8)),
    "emoji variation": "resnet\ufe0f",
    "Hangul filler": "res\u3164net",
    "half width Hangul filler": "res\uffa0net",
    "Hangul initial filler": "res\u115fnet",
    "Braille blank": "res\u2800net",
    "grapheme joiner": "res\u034fnet",
    "Mongolian vowel separator": "res\u180enet",
    "interlinear annotation": "res\ufff9net\ufffb",
    "shorthand format": "res\U0001bca0net",
    "musical format": "res\U0001d173net",
    "private use": "res\ue000net",
    "private use, far": "res\U0010fffdnet",
    "unassigned": "res\u0378net",
    "no character": "res\ufffenet\ufdd0",
    "flood of marks": "re" + "\u0315\u0321\u0334\u0361" * 30 + "snet",
}
UNDECODABLE = {
    "a byte that is no UTF-8": "caf\udce9",
    "half of a pair": "a\ud800b",
    "the other half": "a\udfffb",
}
MARKUP = {
    "rich, bold": "[bold red]big[/bold red]",
    "rich, link": "[link=https://evil.example]click[/link]",
    "rich, closes what is not open": "[/]a[/bold]",
    "rich, runs an action": "[@click=app.bell()]a[/]",
    "emoji by name": "a:skull:b",
    "HTML, script": "<script>alert(1)</script>",
    "HTML, image": "<img src=x onerror=alert(1)>",
    "HTML, leaves an attribute": "\" onmouseover=\"alert(1)' x='",
    "HTML, leaves a title": "</title></style></desc></svg><script>alert(1)</script>",
    "HTML, comment": "<!-- a --><![CDATA[ b",
    "HTML, entity": "&#27;[31m&lt;b&gt;&#x202e;",
    "Markdown, link": "[click](javascript:alert(1))",
    "Markdown, image": "![x](https://evil.example/pixel.png)",
    "Markdown, autolink": "<https://evil.example>",
    "Markdown, bare address": "see https://evil.example/a and www.evil.example",
    "Markdown, reference": "[a]: https://evil.example",
    "Markdown, cells": "a | b \\| c || d",
    "Markdown, backslash before a cell": "a\\| b \\\\| c",
    "Markdown, code": "a `b` ``c``` d",
    "Markdown, fence": "```\n</details>\n# forged",
    "Markdown, heading": "# forged",
    "Markdown, list": "- forged",
    "Markdown, numbers": "1. forged",
    "Markdown, quote": "> forged",
    "Markdown, rule": "---",
    "Markdown, emphasis": "**a** _b_ ~~c~~",
    "Markdown, footnote": "a[^1] [^1]: b",
    "Markdown, formula": "$x$ $$y$$",
    "Liquid": "{{ 7 * 7 }}{% raw %}",
    "Jinja": "{{ self.__init__.__globals__ }}",
    "format": "{0.__class__} %s %(x)s $HOME ${x}",
    "leaves a Python string": "\"\"\" + str(1/0) + '''",
    "leaves a Python comment": "a\nraise SystemExit('owned')\n#",
    "leaves a Graphviz label": 'a"]; b [label="\\N\\G\\l',
    "a shell's command": "a; touch owned `touch owned` $(touch owned)",
}
FORMULAS = {
    "formula =": '=HYPERLINK("https://evil.example","a")',
    "formula +": "+1+cmd|' /C calc'!A0",
    "formula -": "-1+cmd|' /C calc'!A0",
    "formula @": "@SUM(1+1)",
    "formula behind a tab": "\t=1+1",
    "formula behind a return": "\r=1+1",
    "formula behind a break": "\n=1+1",
    "formula behind a space": " =1+1",
    "full width =": "\uff1d1+1",
    "full width +": "\uff0b1+1",
    "full width -": "\uff0d1+1",
    "full width @": "\uff20SUM(1)",
    "formula behind a semicolon": "a;=1+1",
    "formula behind an empty letter": "\u200b=1+1",
}
LONG = {"a million letters": "x" * 1_000_000, "a long line of marks": "e" + "\u0301" * 5000}
TEXTS = {**TERMINAL, **DIRECTION, **UNSEEN, **UNDECODABLE, **MARKUP, **FORMULAS, **LONG}


def is_argument(text: str) -> bool:
    """Whether a process can be given the text, of no more than a screen, as an argument."""
    if len(text) >= 1000 or "\0" in text:
        return False
    return not any(0xD800 <= ord(c) < 0xDC80 or 0xDD00 <= ord(c) < 0xE000 for c in text)


def file_names() -> list[str]:
    """The texts that a file system takes as names."""
    return [
        text
        for text in TEXTS.values()
        if is_argument(text) and "/" not in text and len(os.fsencode(text)) < 200
    ]


def unicode_texts() -> list[str]:
    """The texts that are Unicode and short: what TOML, protobuf and JSON can hold."""
    return [
        text
        for name, text in TEXTS.items()
        if name not in UNDECODABLE and name != "a million letters"
    ]
