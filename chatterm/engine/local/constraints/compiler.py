"""Keeps a reply to a JSON schema, a regular expression or a list of choices, by masking logits.

The work is llguidance's: from what the reply holds so far it tells which tokens may come next. Owned here
are the bridge from our tokenizer, and what counts as the reply: all of its text, `prefill` included. Knows
neither how a token is chosen nor events.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from chatterm.engine.base import Choices, Constraint
from chatterm.engine.local.constraints.grammar import grammar_of, make_limits, name_of, refusal
from chatterm.engine.local.constraints.trial import try_out
from chatterm.engine.local.text.tokenizer import Tokenizer
from chatterm.errors import Unsupported, UsageError

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

_NUM_KEPT = 4
"""Constraints; each may hold up to 100 MB."""
_Bits = npt.NDArray[np.int32]
"""One bit for each token, from the lowest of the first word on: whether it may come."""


class ConstraintCompiler:
    """Compiles constraints for one tokenizer; any thread may. Costs nothing until the first."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._bridge = _Bridge(tokenizer)
        self._compiled: OrderedDict[Constraint, LLMatcher] = OrderedDict()
        self._lock = threading.Lock()

    def open(
        self, constraint: Constraint, prefill: str = "", *, drops_first_space: bool = False
    ) -> "Callable[[], TokenConstraint]":
        """Return what makes the constraint of a reply that starts with `prefill`: one for each sample.

        `drops_first_space`: a space that starts the reply is left out of its text, which alone counts.

        Takes 0.1 s, and for the first 0.2 to 1 s more by the size of the vocabulary; the last few
        constraints are kept. Raises UsageError for one that is wrong, that allows no reply or none with
        this prefill, and Unsupported for one that costs too much or that llguidance cannot keep.
        """
        matcher = self._matcher(constraint)
        self._feed(matcher, constraint, prefill)
        first = TokenConstraint(matcher, self._bridge, constraint, drops_first_space=drops_first_space)

        def start() -> TokenConstraint:
            with self._lock:
                return first.copy()

        return start

    def _matcher(self, constraint: Constraint) -> "LLMatcher":
        """Return a matcher at the constraint's start. The lock is not held while one is compiled."""
        with self._lock:
            if constraint in self._compiled:
                self._compiled.move_to_end(constraint)
                return self._compiled[constraint].deep_copy()
        compiled = self._compile(constraint)
        with self._lock:
            self._compiled[constraint] = compiled
            if len(self._compiled) > _NUM_KEPT:
                self._compiled.popitem(last=False)
            return compiled.deep_copy()

    def _compile(self, constraint: Constraint) -> "LLMatcher":
        from llguidance import LLMatcher

        grammar = grammar_of(constraint)
        if not isinstance(constraint, Choices):  # a list costs what it holds
            try_out(constraint, grammar)
        matcher = LLMatcher(self._bridge.open(), grammar, log_level=0, limits=make_limits())
        if matcher.is_error():
            raise refusal(constraint, matcher.get_error())
        return matcher

    def _feed(self, matcher: "LLMatcher", constraint: Constraint, prefill: str) -> None:
        raw = prefill.encode("utf-8", "surrogatepass")
        ids = self._bridge.spell(raw)
        num_taken = matcher.try_consume_tokens(ids)
        if num_taken == len(ids) and self._bridge.num_bytes(ids) == len(raw):
            return
        fits = raw[: self._bridge.num_bytes(ids[:num_taken])].decode("utf-8", "ignore")
        raise UsageError(
            f"the prefill, which is part of the reply, does not begin what {name_of(constraint)} allows:"
            f" it fails after {len(fits):,} characters"
        )


class TokenConstraint:
    """What may come next in one reply."""

    def __init__(
        self, matcher: "LLMatcher", bridge: "_Bridge", constraint: Constraint, *, drops_first_space: bool
    ) -> None:
        """Take over `matcher`. Raises UsageError where nothing may come, not even the end."""
        self._matcher = matcher
        self._bridge = bridge
        self._constraint = constraint
        self._bits = np.zeros(-(-bridge.num_entries // 32), np.int32)
        self._is_complete = False
        self._drops_space = drops_first_space
        """Until there is a token."""
        self._look_ahead()

    def copy(self) -> "TokenConstraint":
        matcher = self._matcher.deep_copy()
        return TokenConstraint(matcher, self._bridge, self._constraint, drops_first_space=self._drops_space)

    @property
    def is_complete(self) -> bool:
        """True: nothing may follow, the reply is over without an end token."""
        return self._is_complete

    def restrict(self, logits: Tensor) -> Tensor:
        """Return fp32 logits (vocabulary,) with -inf for every token that may not come next.

        End tokens stay where the reply may end. At least one token stays, unless `is_complete`.
        """
        bits = np.unpackbits(self._bits.view(np.uint8), count=len(logits), bitorder="little").view(np.bool_)
        if logits.device.type == "cpu":
            # torch would wake its threads for this, and wait for them where other programs are busy.
            return torch.from_numpy(np.where(bits, logits.numpy(), np.float32(-np.inf)))
        return torch.where(torch.from_numpy(bits).to(logits.device), logits, -torch.inf)

    def accept(self, token_id: int) -> None:
        """Go on past a token that may come. Raises Unsupported where the next step would cost too much."""
        counted = self._bridge.without_space(token_id) if self._drops_space else token_id
        self._drops_space = False
        is_taken = counted is None or self._matcher.consume_token(counted)
        self._check()
        assert is_taken, f"token {token_id} was not allowed"
        self._look_ahead()

    def _look_ahead(self) -> None:
        """Find what may come next: here, and not in `restrict`, because only then is an end known."""
        if self._matcher.is_stopped():
            self._check()
            self._bits.fill(0)
            self._is_complete = True
            return
        self._matcher.unsafe_compute_mask_ptr(self._bits.ctypes.data, self._bits.nbytes)
        self._check()
        may_end = self._bridge.take_stand_in(self._bits)
        if self._drops_space:
            self._bits = self._bridge.with_space(self._bits)
        if not self._bits.any():
            if not may_end:
                raise self._unspellable()
            self._is_complete = True

    def _check(self) -> None:
        if not self._matcher.is_error():
            return
        # The trial showed that there are replies: what is missing is a token.
        reason = self._matcher.get_error()
        raise self._unspellable() if "NoExtension" in reason else refusal(self._constraint, reason)

    def _unspellable(self) -> Unsupported:
        name = name_of(self._constraint)
        return Unsupported(
            f"the model's vocabulary cannot spell what {name} asks for at this place of the reply"
        )


class _Bridge:
    """Our tokenizer as llguidance takes it: the bytes of every token, and which of them end a reply.

    A model without an end token gets a stand-in after its last one, so that an end is known all the same.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._opened: LLTokenizer | None = None
        self._end_ids = sorted(tokenizer.end_ids)
        self.num_tokens = tokenizer.num_tokens
        self.num_entries = self.num_tokens + (not self._end_ids)
        # Read by llguidance:
        self.bos_token_id = None
        self.eos_token_id = (self._end_ids or [self.num_tokens])[0]
        self.special_token_ids = [
            *{*tokenizer.control_ids.values(), *self._end_ids},
            *range(self.num_tokens, self.num_entries),
        ]
        self.tokens: Sequence[bytes] = ()

    def open(self) -> "LLTokenizer":
        """Build llguidance's tree of the vocabulary, once: 0.15 s for 49,000 tokens, 0.7 for 262,000."""
        if self._opened is None:
            from llguidance import LLTokenizer, TokenizerWrapper

            special = set(self.special_token_ids)
            names = (
                b"end" if i in special else self._tokenizer.token_bytes(i) for i in range(self.num_tokens)
            )
            self.tokens = [*names, b"end"][: self.num_entries]
            ends = self._end_ids or [self.num_tokens]
            self._opened = LLTokenizer(TokenizerWrapper(self), eos_token=ends)
        return self._opened

    def __call__(self, text: bytes) -> list[int]:
        """Encode what must come next, word for word, as the model would have: llguidance asks.

        Where our encoder adds a space or replaces a character, by the longest tokens instead.
        """
        ids = self._tokenizer.encode_text(text.decode())
        if b"".join(self.tokens[i] for i in ids) == text or self._opened is None:
            return ids
        return self._opened.greedy_tokenize(text.decode())

    @cached_property
    def _spaced(self) -> dict[int, int | None]:
        """Tokens that begin with a space, and the one that is the same without; None for the space
        itself, -1 where there is none.
        """
        special = set(self.special_token_ids)
        ids = {raw: token_id for token_id, raw in enumerate(self.tokens) if token_id not in special}
        return {
            token_id: None if len(raw) == 1 else ids.get(raw[1:], -1)
            for token_id, raw in enumerate(self.tokens)
            if raw.startswith(b" ")
        }

    def without_space(self, token_id: int) -> int | None:
        """Return the token whose bytes count where the text's first space does not; None where none do."""
        return self._spaced.get(token_id, token_id)

    def with_space(self, bits: _Bits) -> _Bits:
        """Return what may start a reply whose first space does not count."""
        allowed = np.unpackbits(bits.view(np.uint8), bitorder="little")
        shifted = allowed.copy()
        for token_id, counted in self._spaced.items():
            shifted[token_id] = counted is None or (counted >= 0 and allowed[counted])
        return np.packbits(shifted, bitorder="little").view(np.int32)

    def spell(self, raw: bytes) -> list[int]:
        """Return tokens of these very bytes, up to one that the vocabulary lacks."""
        return self.open().tokenize_bytes(raw) if raw else []

    def num_bytes(self, ids: Sequence[int]) -> int:
        return sum(len(self.tokens[i]) for i in ids)

    def take_stand_in(self, bits: _Bits) -> bool:
        """Clear the stand-in's bit, which no logit belongs to; return whether it was set."""
        if self.num_entries == self.num_tokens:
            return False
        word, bit = divmod(self.num_tokens, 32)
        mask = np.uint32(1 << bit).view(np.int32)
        is_set = bool(bits[word] & mask)
        bits[word] &= ~mask
        return is_set
