"""What the child process does in which a constraint is tried out: it compiles.

A schema or an expression of a few bytes can stand for endless work, gigabytes or a stack that overflows;
here that ends this process and nothing else. Imports llguidance and the standard library only. The text
comes by a pipe and is written nowhere.
"""

import json
import threading
from collections.abc import Sequence

from chatterm.engine.local.constraints.grammar import make_limits

_NUM_STEPS = 4
_ALL_BYTES = 2**256 - 1
_STACK_SIZE = 2**20
"""In bytes: less than any thread of chatterm has, so that what goes well here goes well there."""


def verdict(grammar: bytes) -> bytes:
    """Return as JSON what llguidance says against the grammar, an empty text where it can be used."""
    found: list[str] = []
    threading.stack_size(_STACK_SIZE)
    thread = threading.Thread(target=lambda: found.append(find_error(grammar.decode())))
    thread.start()
    thread.join()
    return json.dumps({"error": found[0]}).encode()


def find_error(grammar: str) -> str:
    """Compile for a vocabulary of single bytes and take the first steps, which build the automata."""
    from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

    tokenizer = LLTokenizer(TokenizerWrapper(_Bytes()))
    matcher = LLMatcher(tokenizer, grammar, log_level=0, limits=make_limits())
    for _ in range(_NUM_STEPS):
        if matcher.is_error() or matcher.is_stopped():
            break
        mask = int.from_bytes(matcher.compute_bitmask(), "little") & _ALL_BYTES
        if not mask:
            break
        matcher.consume_token((mask & -mask).bit_length() - 1)
    return matcher.get_error()


class _Bytes:
    """A vocabulary as llguidance asks for it."""

    tokens = (*(bytes([byte]) for byte in range(256)), b"end")
    eos_token_id = 256
    bos_token_id = None
    special_token_ids = (256,)

    def __call__(self, text: bytes) -> Sequence[int]:
        return list(text)
