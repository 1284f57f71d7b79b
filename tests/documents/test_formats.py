import io
import random
from contextlib import suppress

import pytest

from chatterm.conversation import Document
from chatterm.documents.places import pages_of
from chatterm.documents.read import read_stream
from chatterm.errors import InputRefused
from tests.support.office_files import docx, encrypted_pdf, packed, paragraph, pdf, table

PAGE = """<!DOCTYPE html><html><head><title>Prices</title><style>p {color: red}</style></head><body>
<nav><a href="/">Home</a></nav><script>alert("x")</script>
<h2>Fees and <br>dates</h2><p>The fee is <b>3,200</b>&nbsp;EUR, see <a href="https://x">the list</a>.<br>
Next line</p><ul><li>one<ul><li>inner</li></ul></li><li>two</li></ul>
<ol start=3><li>third<li value=7>seventh<li>next</ol>
<table><tr><th>Item<th>Price|net</tr><tr><td>Pen<td>1<br>2</tr></table>
<blockquote><p>a</p><p>b</p></blockquote><pre>
def f():
    return 1
</pre><p hidden>unseen</p>
<table><tr><td><table><tr><td>left<td>right</table><td>below</table></body></html>"""

MARKDOWN = r"""# Prices

## Fees and dates

The fee is 3,200 EUR, see the list.
Next line

- one
  - inner
- two

3. third
7. seventh
8. next

| Item | Price\|net |
| --- | --- |
| Pen | 1 2 |

> a
>
> b

```
def f():
    return 1
```

| left | right |
| --- | --- |
below
"""

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_NUMBERING = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/numbering"
LISTS = {
    "word/numbering.xml": f'<w:numbering xmlns:w="{_WORD}"><w:abstractNum w:abstractNumId="0">'
    '<w:lvl w:ilvl="0"><w:numFmt w:val="decimal"/></w:lvl>'
    '<w:lvl w:ilvl="1"><w:numFmt w:val="bullet"/></w:lvl>'
    '</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num></w:numbering>',
    "word/_rels/document.xml.rels": f'<Relationships xmlns="{_RELATIONS}">'
    f'<Relationship Id="n" Target="numbering.xml" Type="{_NUMBERING}"/></Relationships>',
}


def read(data: bytes, name: str = "stdin") -> Document:
    return read_stream(io.BytesIO(data), name)


def test_a_page_becomes_markdown_without_what_leads_elsewhere() -> None:
    document = read(PAGE.encode(), "prices.html")
    assert document.text == MARKDOWN
    assert document.num_bytes == len(PAGE.encode())
    assert document.notices == ()


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ('<meta charset="gb2312">', "gbk"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">', "cp1251"),
        ("<meta charset=latin1>", "utf-8"),
        ("", "utf-16"),
    ],
)
def test_a_page_names_its_encoding_where_the_bytes_do_not_tell(head: str, encoding: str) -> None:
    words = {"gbk": "价格 3,200 元", "cp1251": "Цена", "utf-8": "Prix: 3 €", "utf-16": "价格"}[encoding]
    document = read(f"<html><head>{head}</head><body>{words}</body></html>".encode(encoding), "page.htm")
    assert (document.text, document.notices) == (f"{words}\n", ())


@pytest.mark.timeout(10)
def test_many_breaks_are_one_gap_and_take_no_square_of_their_number() -> None:
    assert read(b"one" + b"<br> " * 60_000 + b"two", "page.html").text == "one\n\ntwo\n"


@pytest.mark.parametrize("name", ["page.html", "stdin", "page", "v1.2/page"])
def test_a_page_is_known_by_its_beginning_or_its_name(name: str) -> None:
    assert read(b"\n<!-- x --><HTML><p>one</p><p>two</p>", name).text == "one\n\ntwo\n"


@pytest.mark.parametrize("name", ["page.php", "page.txt", "view.vue", "notes.md", "graph.dot"])
def test_markup_in_a_file_that_is_none_stays_as_it_is(name: str) -> None:
    assert read(b"<html><p>one</p>", name).text == "<html><p>one</p>"


@pytest.mark.parametrize("label", ["hex", "idna", "undefined", "utf-7", "unicode_escape", "utf-16"])
def test_a_page_that_names_no_encoding_it_could_have_is_guessed(label: str) -> None:
    page = f'<html><meta charset="{label}"><p>Le café était fermé, +2AA- and \\ud800.</p>'
    document = read(page.encode("latin-1"), "page.html")
    assert document.text == "Le café était fermé, +2AA- and \\ud800.\n"
    assert "CP1252, a guess" in document.notices[0]


@pytest.mark.timeout(10)
def test_many_comments_before_what_is_no_page() -> None:
    text = "<!-- one -->\n" * 500 + "# Notes\n"
    assert read(text.encode()).text == text


def test_a_pdf_is_read_page_by_page_by_its_first_bytes() -> None:
    document = read(pdf([["First (1)", "fee: 3,200"], ["second"], ["third"]]))
    assert document.text == "First (1)\nfee: 3,200\n\fsecond\n\fthird\n"
    assert [pages_of(document.text).page_of(line) for line in (1, 2, 3, 4)] == [1, 1, 2, 3]


def test_pages_without_text_are_named_and_counted() -> None:
    document = read(pdf([["one"], [], ["three"], []]), "mixed.pdf")
    assert len(pages_of(document.text)) == 4
    assert pages_of(document.text).page_of(3) == 3
    (notice,) = document.notices
    assert "mixed.pdf has no text on pages 2, 4 of 4" in notice


def test_a_pdf_whose_fonts_name_no_letters_says_so() -> None:
    private = (
        "/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <ff> endcodespacerange"
        " 1 beginbfrange <20> <7e> <e020> endbfrange endcmap end"
    )
    (notice,) = read(pdf([["these are letters"]], to_unicode=private), "old.pdf").notices
    assert "fonts draw on page 1 of 1" in notice


def test_a_docx_becomes_markdown() -> None:
    body = (
        paragraph("Terms", "Heading1")
        + paragraph("Fees &amp; dates")
        + paragraph("first", level=0)
        + paragraph("inner", level=1)
        + paragraph("second", level=0)
        + table([["Item", "Price"], ["Pen", "1"]])
    )
    document = read(docx(body, LISTS), "terms.docx")
    assert document.text == (
        "# Terms\n\nFees & dates\n\n1. first\n   - inner\n2. second\n\n"
        "| Item | Price |\n| --- | --- |\n| Pen | 1 |\n"
    )


OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENTITIES = '<!DOCTYPE x [<!ENTITY a "b">]>'
REFUSED: list[tuple[str, bytes, str, str]] = [
    ("scan", pdf([[], []]), "scan.pdf", "scan.pdf has 2 pages but no text; it is probably a scan: run OCR"),
    ("locked", encrypted_pdf(), "a.pdf", "a.pdf is encrypted; save a copy without its password"),
    ("cut", pdf([["x"]])[:200], "a.pdf", "a.pdf is a broken PDF"),
    ("rubbish", b"%PDF-1.7\nnothing", "stdin", "stdin is a broken PDF"),
    ("404", b"<html>404</html>", "a.pdf", "a.pdf is no PDF: it begins with '<html>404</html>'"),
    ("zip as PDF", packed({"a": "b"}), "a.pdf", "a.pdf is no PDF: it is an archive"),
    ("words as DOCX", b"just words", "a.docx", "a.docx is no DOCX: it begins with 'just words'"),
    ("cut DOCX", docx(paragraph("x"))[:-60], "a.docx", "a.docx is a broken DOCX"),
    ("broken XML", packed({"word/document.xml": "<w"}), "a.docx", "a.docx is a broken DOCX"),
    ("entities", docx("&a;", head=ENTITIES), "a.docx", "defines XML entities in word/document.xml"),
    ("zip bomb", docx(paragraph(" " * 3_000_000)), "a.docx", "as a zip bomb does"),
    ("old Word", OLD, "a.doc", "a.doc is an old Word document, which is not read; save it as .docx"),
    ("locked DOCX", OLD + "EncryptedPackage".encode("utf-16-le"), "a.docx", "a.docx is encrypted"),
    (
        "workbook",
        packed({"xl/workbook.xml": ""}),
        "stdin",
        "is an Excel workbook, which is not read; save the",
    ),
    ("book", packed({"mimetype": "application/epub+zip"}), "b.epub", "b.epub is an e-book"),
    ("zip", packed({"a.txt": "words"}), "a.zip", "a.zip is an archive, which is not read; unpack it"),
    ("picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "stdin", "stdin is a picture, which is not read; run OCR"),
    ("gzip", b"\x1f\x8b\x08\0", "notes.txt", "notes.txt is an archive"),
    ("by name", b"words", "a.odt", "a.odt is an OpenDocument text, which is not read; save it as .docx"),
    ("rich text", rb"{\rtf1 words}", "a.rtf", "a.rtf is a Rich Text file"),
]


@pytest.mark.parametrize(
    ("data", "name", "said"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_is_not_read_is_refused_with_what_to_do(data: bytes, name: str, said: str) -> None:
    with pytest.raises(InputRefused) as refusal:
        read(data, name)
    assert said in str(refusal.value)


@pytest.mark.parametrize("name", ["empty.pdf", "empty.docx", "empty.html", "empty.png"])
def test_an_empty_file_is_empty_whatever_its_name(name: str) -> None:
    document = read(b"", name)
    assert (document.text, document.notices) == ("", (f"{name} is empty",))


def test_a_table_of_values_stands_as_it_is() -> None:
    assert read(b'a,b\n1,"x\ny"\n\n2,\n', "t.csv").text == 'a,b\n1,"x\ny"\n\n2,\n'


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_two_thousand_pages_are_read_with_each_line_on_its_page() -> None:
    document = read(pdf([[f"page {page} line {line}" for line in range(45)] for page in range(1, 2001)]))
    lines = document.text.split("\n")  # splitlines knows form feeds too
    pages = pages_of(document.text)
    assert (len(pages), document.num_lines) == (2000, 90_000)
    assert all(
        lines[line - 1].strip("\f").startswith(f"page {pages.page_of(line)} ") for line in range(1, 90_001)
    )


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (docx(paragraph("x"), {"word/styles.xml": " " * 70_000_000}), "a.docx", "unpacks to 70,000,"),
        (b"<div>" * 300_000 + b"x", "a.html", "takes more than 20 s to read"),
        (b"<p>" * 5_000_000, "a.html", "takes more than"),
    ],
    ids=["zip bomb", "depth", "millions of elements"],
)
def test_what_costs_too_much_ends_the_child_alone(data: bytes, name: str, said: str) -> None:
    with pytest.raises(InputRefused) as refusal:
        read(data, name)
    assert said in str(refusal.value)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(80))
def test_a_broken_copy_is_read_or_refused_and_nothing_worse(seed: int) -> None:
    chance = random.Random(seed)
    body = paragraph("Terms", "Heading1") + table([["Item", "Price"]])
    data = bytearray(chance.choice([pdf([["one"], ["two"]]), docx(body, LISTS)]))
    for _ in range(chance.choice([1, 5, 50])):
        data[chance.randrange(4, len(data))] = chance.randrange(256)
    del data[chance.choice([len(data), chance.randrange(len(data))]) :]
    with suppress(InputRefused):
        assert read(bytes(data)).num_bytes == len(data)
