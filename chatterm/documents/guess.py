"""Guesses an encoding that nothing announces. Looks at a sample; decodes nothing for good."""

_SAMPLE_BYTES = 64 * 1024

_MULTI_BYTE = ("gb18030", "big5", "cp932", "euc_jp", "cp949")
_SINGLE_BYTE = ("cp1252", "cp1251", "koi8_r")
"""Both in order of preference among equals. Every further code page makes short Western texts worse:
with all that charset-normalizer knows, "Le café était fermé à Noël" was read as Baltic."""

_MESS_TOLERANCE = 0.08
"""Of charset-normalizer's share of unlikely character sequences; readings this near count as equal."""

_TEXT_CONTROLS = frozenset(b"\t\n\f\r\x08\x1b")


def guess_wide(data: bytes | bytearray) -> str | None:
    """Return the UTF-16 or UTF-32 that `data`, which holds NUL bytes, must be, or None: it is binary."""
    sample = bytes(data[:_SAMPLE_BYTES])
    for encoding, width in (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2)):
        if len(data) % width == 0 and _reads_as(sample, encoding, width):
            return encoding
    return None


def _reads_as(sample: bytes, encoding: str, width: int) -> bool:
    try:
        text = sample[: len(sample) // width * width].decode(encoding)
    except UnicodeDecodeError as error:
        if error.start < len(sample) - width:  # a pair cut by the end of the sample is no fault
            return False
        text = sample[: error.start].decode(encoding)
    num_readable = sum(c.isprintable() or c in "\t\n\r\f" for c in text)
    if "\0" in text or num_readable < 0.98 * len(text):
        return False
    return width == 4 or (_nuls_are_high_bytes(sample, encoding) and not _is_ascii_with_nuls(sample))


def _nuls_are_high_bytes(sample: bytes, encoding: str) -> bool:
    """Whether nearly every NUL is the high byte of its pair, as ASCII in UTF-16 has it."""
    high = sample[encoding == "utf-16-le" :: 2].count(0)
    return high >= 0.9 * sample.count(0)


def _is_ascii_with_nuls(sample: bytes) -> bool:
    """Whether this is ASCII with a few NUL bytes in it, which UTF-16 would read as Han characters."""
    num_nul = sample.count(0)
    num_ascii = sum(0x20 <= byte < 0x7F for byte in sample)
    return num_nul < 0.3 * len(sample) and num_ascii > 0.75 * (len(sample) - num_nul)


def guess_legacy(data: bytearray) -> str | None:
    """Return the likeliest encoding from before Unicode, or None where no reading makes sense."""
    sample = _sample(data)
    num_control = sum(byte < 0x20 and byte not in _TEXT_CONTROLS for byte in sample)
    if num_control > 0.01 * len(sample):
        return None
    from charset_normalizer import from_bytes

    readings = from_bytes(sample, cp_isolation=[*_MULTI_BYTE, *_SINGLE_BYTE])
    scores = {found.encoding: (found.chaos, found.coherence) for found in readings}
    return _best(scores) or _western(sample)


def _sample(data: bytearray) -> bytes:
    """Return the beginning, cut where no character is (the trail bytes of these encodings are never LF)."""
    if len(data) <= _SAMPLE_BYTES:
        return bytes(data)
    end = data.rfind(b"\n", 0, _SAMPLE_BYTES)
    return bytes(data[: end if end > 0 else _SAMPLE_BYTES])


def _best(scores: dict[str, tuple[float, float]]) -> str | None:
    """Choose among readings, each with its mess and its likeness to a language, both 0 to 1.

    Bytes that read as sound East Asian text hardly ever do so by accident, so such a reading wins over a
    single-byte one, which fits any bytes.
    """
    if not scores:
        return None
    least = min(mess for mess, _ in scores.values())
    for family in (_MULTI_BYTE, _SINGLE_BYTE):
        near = [name for name in family if name in scores and scores[name][0] <= least + _MESS_TOLERANCE]
        if near:
            return max(near, key=lambda name: (scores[name][1], -family.index(name)))
    return None


def _western(sample: bytes) -> str | None:
    """Windows-1252, where most bytes are ASCII and all are defined; the text may be too short to judge."""
    try:
        sample.decode("cp1252")
    except UnicodeDecodeError:
        return None
    num_ascii = sum(0x20 <= byte < 0x7F or byte in _TEXT_CONTROLS for byte in sample)
    return "cp1252" if 2 * num_ascii > len(sample) else None
