"""Writes small PDF and DOCX files, as their formats say (ISO 32000-1; ECMA-376), for tests to read."""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_DOCX = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Target="word/document.xml" Type='
    '"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>',
}


def pdf(pages: Sequence[Sequence[str]], *, encrypt: str = "", to_unicode: str = "") -> bytes:
    """Return a PDF with the lines of each page in Helvetica; a page without lines has a grey box.

    `encrypt`: the body of an encryption dictionary. `to_unicode`: a CMap of the font.
    """
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding "
    font += b"/ToUnicode 4 0 R >>" if to_unicode else b">>"
    kids = " ".join(f"{5 + 2 * index} 0 R" for index in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>".encode(),
        font,
        _stream(to_unicode.encode()),
    ]
    for index, lines in enumerate(pages):
        content = f"/Resources << /Font << /F 3 0 R >> >> /Contents {6 + 2 * index} 0 R"
        objects.append(f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] {content} >>".encode())
        objects.append(_stream(_drawn(lines)))
    return _file(objects, f"/Encrypt << {encrypt} >> /ID [<00> <00>]" if encrypt else "")


def encrypted_pdf() -> bytes:
    """Return a PDF whose password nobody knows."""
    keys = f"/O <{'5a' * 32}> /U <{'a5' * 32}>"
    return pdf([["secret"]], encrypt=f"/Filter /Standard /V 2 /R 3 /Length 128 /P -44 {keys}")


def _drawn(lines: Sequence[str]) -> bytes:
    if not lines:
        return b"0.5 g 50 50 400 600 re f"
    shown = [line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in lines]
    return "\n".join(["BT /F 11 Tf 50 800 Td 14 TL", *(f"({line}) Tj T*" for line in shown), "ET"]).encode(
        "cp1252"
    )


def _stream(content: bytes) -> bytes:
    packed = zlib.compress(content)
    return b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(packed), packed)


def _file(objects: Sequence[bytes], trailer: str) -> bytes:
    out = io.BytesIO(b"%PDF-1.7\n")
    out.seek(0, io.SEEK_END)
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode())
    out.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
    out.write(f"trailer << /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\n".encode())
    out.write(f"startxref\n{start}\n%%EOF\n".encode())
    return out.getvalue()


def docx(body: str, others: Mapping[str, str] | None = None, *, head: str = "") -> bytes:
    """Return a DOCX whose body is this WordprocessingML; `head` stands before it, `others` beside it."""
    main = f'{head}<w:document xmlns:w="{_W}"><w:body>{body}</w:body></w:document>'
    return packed({**_DOCX, "word/document.xml": main, **(others or {})})


def paragraph(text: str, style: str = "", *, level: int | None = None) -> str:
    """Return a paragraph; `level`: it is an item of a list, which counts from 0."""
    item = "" if level is None else f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="1"/></w:numPr>'
    properties = (f'<w:pStyle w:val="{style}"/>' if style else "") + item
    return f'<w:p><w:pPr>{properties}</w:pPr><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def table(rows: Sequence[Sequence[str]]) -> str:
    shown = ("".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in shown)}</w:tbl>"


def packed(files: Mapping[str, str | bytes]) -> bytes:
    """Return a ZIP archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            is_kind = name == "mimetype"  # stored, so that the archive's beginning tells it
            archive.writestr(name, content, zipfile.ZIP_STORED if is_kind else zipfile.ZIP_DEFLATED)
    return out.getvalue()
