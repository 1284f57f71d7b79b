"""DOCX to Markdown, with mammoth by way of HTML. Runs in the child process: what it unpacks may be a bomb.

Everything is bounded before it is unpacked, by the sizes in the archive's directory, which zipfile holds
every part to.
"""

import io
import logging
import zipfile
import zlib

from chatterm.documents.formats.extracted import Extracted, Unreadable, packed, packed_refusal
from chatterm.documents.formats.html import to_markdown

_MAX_PARTS = 10_000
_MAX_XML_BYTES = 64 * 1024 * 1024
"""Of all XML in the archive together, unpacked. A book of 1,000 pages takes some 10 MB."""
_MAX_RATIO = 250
"""Of unpacked to packed. Text of a long table is packed to a hundredth, zeros to a thousandth."""
_RATIO_FREE_BYTES = 2**20
"""Below this size nothing is a bomb."""
_TITLES = "p[style-name='Title'] => h1:fresh\np[style-name='Subtitle'] => p:fresh"


def read_docx(data: bytes) -> bytes:
    """Return the packed text of a DOCX, for the parent process."""
    try:
        return packed(_extracted(data))
    except Unreadable as refusal:
        return packed_refusal(str(refusal))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        return packed_refusal(f"is a broken DOCX ({error}); open it in a word processor and save it again")


def _extracted(data: bytes) -> Extracted:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        _refuse_bombs(archive)
    text, has_pictures = _markdown(data)
    if not text.strip() and has_pictures:
        raise Unreadable("has pictures but no text; if they are scans, run OCR first")
    return Extracted(text)


def _refuse_bombs(archive: zipfile.ZipFile) -> None:
    """Raises Unreadable for what would unpack to too much, and for XML that defines entities."""
    entries = archive.infolist()
    parts = [entry for entry in entries if entry.filename.endswith((".xml", ".rels"))]
    total = sum(entry.file_size for entry in parts)
    if len(entries) > _MAX_PARTS or total > _MAX_XML_BYTES:
        raise Unreadable(
            f"unpacks to {total:,} bytes of XML in {len(entries):,} parts, more than the "
            f"{_MAX_XML_BYTES:,} in {_MAX_PARTS:,} that are read; cut it into parts"
        )
    for entry in parts:
        if entry.file_size > _RATIO_FREE_BYTES and entry.file_size > _MAX_RATIO * entry.compress_size:
            raise Unreadable(
                f"unpacks {entry.filename} to {entry.file_size:,} bytes from {entry.compress_size:,}, "
                "as a zip bomb does; save it again in a word processor"
            )
        if entry.flag_bits & 1:
            raise Unreadable("is encrypted; save a copy without its password first")
        _refuse_entities(archive, entry)


def _refuse_entities(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """A DOCX has no document type definition (ECMA-376 part 2, 8.1.4); bombs of entities need one."""
    content = archive.read(entry).replace(b"\0", b"")  # UTF-16 too
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise Unreadable(
            f"defines XML entities in {entry.filename}, as no word processor does; save it again"
        )


def _markdown(data: bytes) -> tuple[str, bool]:
    """Return the text, and whether there are pictures, which are left out. Raises Unreadable."""
    import mammoth

    logging.disable()
    pictures = []

    def left_out(picture: object) -> dict[str, str]:
        pictures.append(picture)
        return {}

    try:
        converted = mammoth.convert_to_html(
            io.BytesIO(data),
            convert_image=mammoth.images.img_element(left_out),
            style_map=_TITLES,
            include_embedded_style_map=False,  # a file could hide text with it
            external_file_access=False,
        )
    except MemoryError:
        raise
    except Exception as error:  # whatever a broken file makes the library stumble over
        raise Unreadable(
            f"is a broken DOCX ({type(error).__name__}: {error}); "
            "open it in a word processor and save it again"
        ) from error
    return to_markdown(converted.value), bool(pictures)
