import io
import os
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chatterm.documents.read import CAP_BYTES, read_file, read_stream
from chatterm.errors import InputRefused, UsageError

CHINESE = "本公司2024年净利润为3200万元，同比增长百分之十二。风险提示：过往业绩不代表未来表现。\n"
TAIWANESE = "本公司二零二四年淨利潤為三千二百萬元，較去年增長。風險提示：過往業績不代表未來表現。\n"
JAPANESE = "これは日本語の文書です。環境に優しい技術について説明します。カタカナも含まれています。\n"
KOREAN = "이것은 한국어 문서입니다. 환경 친화적인 기술에 대해 설명합니다.\n"
FRENCH = "Le café était fermé à Noël, où ça? Déjà vu, garçon, naïve, élève.\n"
RUSSIAN = "Это русский документ, в котором описываются новые технологии.\n"
MIXED = "naïve 净利润 🙂\n"


@pytest.mark.parametrize(
    ("text", "encoding", "mark"),
    [
        (MIXED, "utf-8", b""),
        (MIXED, "utf-8", b"\xef\xbb\xbf"),
        (MIXED, "utf-16-le", b"\xff\xfe"),
        (MIXED, "utf-16-be", b"\xfe\xff"),
        (MIXED, "utf-32-le", b"\xff\xfe\x00\x00"),
        (MIXED, "utf-32-be", b"\x00\x00\xfe\xff"),
        ("plain ASCII in wide characters\n", "utf-16-le", b""),
        ("plain ASCII in wide characters\n", "utf-16-be", b""),
        (CHINESE, "utf-16-le", b""),
        (CHINESE * 2000, "utf-16-be", b""),
        (MIXED, "utf-32-le", b""),
        (MIXED, "utf-32-be", b""),
        ("\N{REPLACEMENT CHARACTER} was there before\n", "utf-8", b""),
    ],
)
def test_unicode_is_read_as_it_was_written_without_a_word(text: str, encoding: str, mark: bytes) -> None:
    data = mark + text.encode(encoding)
    document = read_stream(io.BytesIO(data), "stdin")
    assert (document.text, document.notices, document.num_bytes) == (text, (), len(data))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "gbk"),
        (CHINESE * 3000, "gb18030"),
        ("净利润" + "x" * 70_000, "gbk"),
        ("Report 2024: revenue 3,200 (净利润) grew 12% in the second quarter. ", "gbk"),
        (TAIWANESE, "big5"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (KOREAN, "cp949"),
        (FRENCH, "latin-1"),
        ("Just one café in a long English text.", "latin-1"),
        ("Le café é" * 20, "latin-1"),
        ("“Quoted” text – it’s fine, isn’t it? €5.", "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
    ],
)
def test_older_encodings_are_guessed_with_a_notice(text: str, encoding: str) -> None:
    document = read_stream(io.BytesIO(text.encode(encoding)), "old.txt")
    assert document.text == text
    assert len(document.notices) == 1
    assert "old.txt is not UTF-8" in document.notices[0]


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\xff\xfe", b" \n"])
def test_an_empty_document_has_no_words_and_says_so(data: bytes) -> None:
    document = read_stream(io.BytesIO(data), "stdin")
    assert document.text.strip() == ""
    assert document.notices == ("stdin is empty",)


def test_line_ends_become_lf() -> None:
    assert read_stream(io.BytesIO(b"a\r\nb\rc\n\r\n"), "stdin").text == "a\nb\nc\n\n"
    assert read_stream(io.BytesIO("a\r\nb".encode("utf-16")), "stdin").text == "a\nb"


def test_a_few_broken_bytes_in_utf8_are_replaced_and_the_first_is_named() -> None:
    data = "净利润 ".encode() * 10 + b"\xff" + "增长".encode() * 10
    document = read_stream(io.BytesIO(data), "report.txt")
    assert document.text == "净利润 " * 10 + "\N{REPLACEMENT CHARACTER}" + "增长" * 10
    (notice,) = document.notices
    assert "report.txt" in notice
    assert "1 place," in notice
    assert "byte 100" in notice


def test_the_offset_counts_the_byte_order_mark() -> None:
    data = b"\xef\xbb\xbf" + "净利润".encode() * 10 + b"\xff"
    assert "byte 93" in read_stream(io.BytesIO(data), "x").notices[0]


@pytest.mark.parametrize(
    ("data", "byte", "offset"),
    [
        (b"abc\x00def", "0x00", 3),
        (b"abc\x00defg", "0x00", 3),
        (b"some words, then\x00 more words, and so on", "0x00", 16),
        (b"\x7fELF\x02\x01\x01\x00" + bytes(range(256)) * 8, "0x00", 7),
        (b"\x01\x02\xff\xfd\x81" * 50, "0xff", 2),
        (b"\xef\xbb\xbfabc\x00", "0x00", 6),
        ("\ufeff净\0".encode("utf-16-le"), "0x00", 4),
        (b"\x00", "0x00", 0),
    ],
)
def test_binary_is_refused_by_byte_and_offset(data: bytes, byte: str, offset: int) -> None:
    with pytest.raises(InputRefused, match=rf"^stdin is not text: byte {byte} at offset {offset};"):
        read_stream(io.BytesIO(data), "stdin")


def test_random_bytes_without_nul_are_binary() -> None:
    data = bytes(1 + (i * i * 7919 + i * 31) % 255 for i in range(5000))
    with pytest.raises(InputRefused, match="is not text"):
        read_stream(io.BytesIO(data), "stdin")


def test_the_cap_is_the_last_length_that_passes() -> None:
    assert read_stream(io.BytesIO(b"x" * 1000), "stdin", cap=1000).num_bytes == 1000
    with pytest.raises(InputRefused, match=r"stdin has more than 1,000 bytes"):
        read_stream(io.BytesIO(b"x" * 1001), "stdin", cap=1000)


class Endless(io.RawIOBase):
    """Gives bytes for ever, and counts them."""

    def __init__(self) -> None:
        self.given = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        assert size > 0, "an unbounded read of an endless stream"
        self.given += size
        return b"a" * size


@contextmanager
def peak_below(limit_bytes: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit_bytes
    finally:
        tracemalloc.stop()


def test_endless_input_is_refused_after_one_byte_too_many_in_bounded_memory() -> None:
    stream = Endless()
    with peak_below(50_000_000), pytest.raises(InputRefused, match="16,777,216 bytes"):
        read_stream(stream, "stdin")  # type: ignore[arg-type]  # RawIOBase is all of IO[bytes] that is used
    assert stream.given == CAP_BYTES + 1


def test_text_as_long_as_the_cap_is_read_in_bounded_memory() -> None:
    stream = io.BytesIO((b"a" * 79 + b"\n") * (CAP_BYTES // 80))
    with peak_below(50_000_000):
        assert read_stream(stream, "stdin").num_lines == CAP_BYTES // 80


class Stalled(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        return None  # type: ignore[return-value]  # what a non-blocking stream gives when it has nothing


class Broken(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(5, "Input/output error")


def test_a_stream_that_fails_is_named() -> None:
    with pytest.raises(InputRefused, match="stdin stopped giving data"):
        read_stream(Stalled(), "stdin")
    with pytest.raises(UsageError, match="cannot read stdin: Input/output error"):
        read_stream(Broken(), "stdin")


def test_a_file_is_known_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "报告.txt"
    path.write_bytes(b"one\r\ntwo")
    document = read_file(path)
    assert (document.name, document.text, document.num_bytes) == ("报告.txt", "one\ntwo", 8)


def test_a_name_that_is_not_unicode_is_shown_with_replacements(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/r\xe9sum\xe9.txt"))
    try:
        path.write_bytes(b"text")
    except OSError:
        pytest.skip("this file system takes only Unicode names")
    assert read_file(path).name == "r\N{REPLACEMENT CHARACTER}sum\N{REPLACEMENT CHARACTER}.txt"


def test_what_is_no_readable_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        read_file(tmp_path)
    with pytest.raises(UsageError, match=r"there is no file .*absent\.txt"):
        read_file(tmp_path / "absent.txt")
    with pytest.raises(UsageError, match="cannot read"):
        read_file(tmp_path / "nul\0inside")
    with pytest.raises(UsageError, match="cannot read"):
        read_file(tmp_path / "file.txt" / "below") if (tmp_path / "file.txt").write_text("x") else None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("x")
    path.chmod(0)
    with pytest.raises(UsageError, match="you may not read"):
        read_file(path)


def test_a_device_is_capped_too() -> None:
    with pytest.raises(InputRefused, match="more than 1,000 bytes"):
        read_file(Path("/dev/zero"), cap=1000)
