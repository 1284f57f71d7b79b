"""Which language a text is in, as far as its script tells."""

import re

_SAMPLE_CHARS = 20_000
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA = re.compile("[\u3040-\u30ff]")
_HANGUL = re.compile("[\uac00-\ud7af\u1100-\u11ff]")
_LATIN_WORD = re.compile("[A-Za-z\u00c0-\u024f]+")


def script_language(text: str) -> str | None:
    """Return zh, ja, ko, or en for any Latin script; None where no letters are.

    Han characters are weighed against Latin words, not letters: a Chinese text full of English names
    stays Chinese. Kana or Hangul beyond a tenth of the Han characters make it Japanese or Korean.
    """
    sample = text[:_SAMPLE_CHARS]
    num_han, num_kana = count_han(sample), len(_KANA.findall(sample))
    num_hangul = len(_HANGUL.findall(sample))
    num_latin = len(_LATIN_WORD.findall(sample))
    if max(num_han, num_kana, num_hangul, num_latin) == 0:
        return None
    if num_latin > num_han + num_kana + num_hangul:
        return "en"
    if num_hangul > num_han:
        return "ko"
    return "ja" if num_kana * 10 > num_han else "zh"


def count_han(text: str) -> int:
    """Count Han characters."""
    return len(_HAN.findall(text))
