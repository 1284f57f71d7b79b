"""Whether a reply is in the language that was asked for, as far as scripts tell."""

import re

from chatterm.checks import Finding
from chatterm.prompts.language import count_han, script_language

_TOLD_BY_SCRIPT = ("en", "zh", "ja", "ko")
_MIN_WORDS, _MIN_HAN = 4, 4
_CODE = re.compile(r"(?<!`)(`{3,}+)[^`\n]*+\n.*?(?:\n\1`*|\Z)|`[^`\n]++`|https?://\S+", re.DOTALL)
_QUOTED = re.compile(
    '“[^“”]{1,2000}”|「[^「」]{1,2000}」|『[^『』]{1,2000}』|"[^"\n]{1,2000}"|《[^《》]{1,60}》'
)
_NAMES_A_LANGUAGE = re.compile(
    r"translat|chinese|english|mandarin|japanese|korean|french|german|spanish"
    r"|翻译|翻譯|中文|英文|英语|英語|汉语|漢語|日语|日文|韩语|法语|德语|译成|用[中英日韩法德]",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")


def asked_language(own_words: str, lang: str, *, is_chosen: bool) -> str | None:
    """Return the language that a reply to these words is to have; None where they leave it open.

    `lang` is that of the prompt's text. Words about a language leave it open, words in another script
    where the user did not choose `lang`.
    """
    is_mixed = not is_chosen and script_language(own_words) not in (None, lang)
    is_open = is_mixed or _NAMES_A_LANGUAGE.search(own_words)
    return None if is_open or lang not in _TOLD_BY_SCRIPT else lang


def wrong_language(text: str, wanted: str) -> Finding | None:
    """Return the finding that `text` is in another language; None where it is not, or says too little.

    Code, links and quotes may be in any language.
    """
    own = _QUOTED.sub(" ", _CODE.sub(" ", text))
    found = script_language(own)
    num_words = len(_WORD.findall(own))
    if found is None or found == wanted or (num_words < _MIN_WORDS and count_han(own) < _MIN_HAN):
        return None
    return Finding("language", "absent", 0, len(text), found, "language")
