"""Every hostile text through every function that makes text harmless."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from support.text import harmless, hostile_texts
from zoodiff import text
from zoodiff.errors import UsageError, WorkerError, ZoodiffError

CASES = [pytest.param(value, id=name) for name, value in hostile_texts.TEXTS.items()]
ANY = st.text(st.characters(codec=None), max_size=60)


def test_there_are_enough() -> None:
    assert len(set(hostile_texts.TEXTS.values())) >= 100


@pytest.mark.parametrize("hostile", CASES)
def test_what_a_terminal_is_shown_is_one_visible_line(hostile: str) -> None:
    shown = text.visible(hostile)
    assert not harmless.problems(shown, allowed="")
    assert len(shown) <= text.LONGEST
    assert text.visible(shown) == shown


@given(ANY)
def test_any_text_is_shown_as_one_visible_line(hostile: str) -> None:
    shown = text.visible(hostile)
    assert not harmless.problems(shown, allowed="")
    shown.encode()
    assert text.visible(shown) == shown


@pytest.mark.parametrize(
    "name", ["ResNet-50", "réseau", "网络", "сеть", "شبكة", "नेटवर्क", "🦜 parrot", "C:\\net"]
)
def test_names_of_all_languages_stay(name: str) -> None:
    assert text.visible(name) == name


@pytest.mark.parametrize("kind", [ZoodiffError, UsageError, WorkerError])
@pytest.mark.parametrize("hostile", CASES)
def test_errors_are_harmless_whoever_shows_them(kind: type[ZoodiffError], hostile: str) -> None:
    error = kind(f"the file {hostile} is none; name another")
    assert not harmless.problems(f"{error}", allowed="")
    assert str(error).endswith("is none; name another")
    assert hostile in error.args[0]


def test_the_middle_of_a_long_text_is_left_out() -> None:
    shown = text.visible(f"the file {'x' * 10**6} is none; name another")
    assert shown.startswith("the file x")
    assert shown.endswith("; name another")
    assert text.ELLIPSIS in shown


@pytest.mark.parametrize("hostile", CASES)
@pytest.mark.parametrize("where", ["{}", "| {} | b |\n|---|---|\n| c | {} |", "- {}", "# {}"])
def test_markdown_shows_the_text_and_nothing_else(hostile: str, where: str) -> None:
    for escaped in (text.markdown(hostile), text.markdown_code(hostile)):
        assert not harmless.problems(escaped, allowed="")
        blocks = MarkdownIt("commonmark").enable("table").parse(where.format(escaped, escaped))
        kinds = {b.type for b in blocks} | {c.type for b in blocks for c in b.children or ()}
        expected = {"inline", "text", "code_inline"}
        expected |= {k for k in kinds if k.startswith(("table", "t", "paragraph"))}
        expected |= {"- {}": {"bullet_list_open", "bullet_list_close"}}.get(where, set())
        expected |= {
            k for k in kinds if k.startswith(("heading", "list_item")) and where[0] in "#-"
        }
        assert kinds <= expected, escaped
        cells = [b for b in blocks if b.type == "inline"]
        assert len(cells) == (4 if where[0] == "|" else 1)
        said = "".join(c.content for c in cells[0].children or ())
        assert said == text.visible(" ".join(hostile.split()))
        # GitHub makes links of bare addresses, too.
        plain = re.sub(r"`[^`]*`", "", escaped)
        assert "://" not in plain
        assert not re.search(r"\bwww\.", plain)


@given(ANY)
def test_markdown_of_any_text_is_text(hostile: str) -> None:
    table = f"| a | b |\n|---|---|\n| {text.markdown(hostile)} | {text.markdown_code(hostile)} |"
    blocks = MarkdownIt("commonmark").enable("table").parse(table)
    cells = [b for b in blocks if b.type == "inline"]
    assert len(cells) == 4
    assert {c.type for b in cells for c in b.children or ()} <= {"text", "code_inline"}


@pytest.mark.parametrize("hostile", CASES)
def test_html_shows_the_text_and_nothing_else(hostile: str) -> None:
    seen: list[tuple[str, object]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            seen.append((tag, attrs))

        def handle_data(self, data: str) -> None:
            seen.append(("", data))

    escaped = text.html(hostile)
    reader = Reader()
    reader.feed(f'<b title="{escaped}">{escaped}</b>')
    reader.close()
    shown = text.visible(hostile, lines=True)
    assert seen[0] == ("b", [("title", shown)])
    assert "".join(str(data) for tag, data in seen[1:] if not tag) == shown
    assert not harmless.problems(escaped, allowed="\n\t")


@pytest.mark.parametrize("hostile", CASES)
def test_no_cell_of_csv_is_a_formula(hostile: str) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([text.csv_cell(hostile), text.csv_cell(-1.5)])
    ((cell, number),) = csv.reader(io.StringIO(buffer.getvalue()))
    assert number == "-1.5"
    assert not harmless.problems(cell, allowed="")
    for piece in cell.split(";"):
        assert not re.match(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]", piece) or re.fullmatch(
            r"[+-]?[\d.]+", piece
        )


@pytest.mark.parametrize(("value", "cell"), [("-0.5", "-0.5"), ("+3", "+3"), (7, 7), (None, None)])
def test_numbers_of_csv_stay_numbers(value: object, cell: object) -> None:
    assert text.csv_cell(value) == cell


@pytest.mark.parametrize("hostile", CASES)
def test_json_is_valid_utf8_and_exact(hostile: str) -> None:
    written = text.json_text({hostile: [hostile]})
    assert not harmless.problems(written)
    read = json.loads(written.encode())
    assert read == {text.well_formed(hostile): [text.well_formed(hostile)]}
    assert hostile in hostile_texts.UNDECODABLE.values() or read == {hostile: [hostile]}


@given(ANY)
def test_json_of_any_text_comes_back(hostile: str) -> None:
    assert json.loads(text.json_text(hostile).encode()) == text.well_formed(hostile)


@pytest.mark.parametrize("hostile", CASES)
def test_a_file_name_is_a_plain_word(hostile: str) -> None:
    name = text.file_name(hostile)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", name), name
    assert ".." not in name.split("/")


def test_file_names_keep_different_texts_apart() -> None:
    names = [text.file_name(hostile) for hostile in hostile_texts.TEXTS.values()]
    assert len({name.lower() for name in names}) == len(set(hostile_texts.TEXTS.values()))


@pytest.mark.parametrize("name", ["con", "NUL.txt", "com1", "aux.onnx", "...", "", "-rf", ".ssh"])
def test_a_file_name_is_nothing_that_a_system_reserves(name: str) -> None:
    made = text.file_name(name)
    assert made
    assert made[0].isalnum()
    assert made.split(".")[0].lower() not in {"con", "nul", "com1", "aux"}


@pytest.mark.parametrize("hostile", CASES)
def test_a_label_of_graphviz_is_one_string(hostile: str) -> None:
    label = text.graphviz(hostile, "second")
    assert not harmless.problems(label, allowed="")
    inner = label[1:-1]
    assert label[0] == label[-1] == '"'
    assert not re.search(r'(?<!\\)(\\\\)*"', inner)
    # What Graphviz reads: only the line break between both is an escape of its own.
    read = re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), inner).replace("&amp;", "&")
    assert read == f"{text.visible(hostile)}\nsecond"
    assert "&" not in inner.replace("&amp;", "")


@pytest.mark.parametrize("hostile", CASES)
def test_a_python_literal_of_visible_text_is_one_literal(hostile: str) -> None:
    assert ast.literal_eval(repr(text.visible(hostile))) == text.visible(hostile)
