"""Speech at random under a constraint: a tokenizer, and logits that nobody meant anything by."""

import re
from typing import NamedTuple

import torch
from torch import Tensor

from chatterm.engine.base import Constraint
from chatterm.engine.local.constraints.compiler import ConstraintCompiler
from chatterm.engine.local.text.tokenizer import Tokenizer
from tests.support.vocabularies import Metadata

MAX_TOKENS = 150


class Case(NamedTuple):
    """A tokenizer with what speaks at random in its tokens."""

    tokenizer: Tokenizer
    compiler: ConstraintCompiler
    is_closing: Tensor
    """bool (vocabulary,): short tokens that end something, said more often: else no string would end."""

    def speak(self, constraint: Constraint, *, seed: int | None, prefill: str = "") -> tuple[str, str]:
        """Return a reply and why it ended; greedy without a seed, else drawn by logits at random."""
        state = self.compiler.open(constraint, prefill)()
        generator = torch.Generator().manual_seed(seed or 0)
        said: list[int] = []
        while not state.is_complete:
            if len(said) == MAX_TOKENS:
                return prefill + self._text(said), "length"
            scale = 1.0 if seed is None else 3.0
            logits = scale * torch.randn(self.tokenizer.num_tokens, generator=generator)
            token_id = int(state.restrict(logits + 6.0 * self.is_closing).argmax())
            if token_id in self.tokenizer.end_ids:
                break
            state.accept(token_id)
            said.append(token_id)
        return prefill + self._text(said), "end"

    def _text(self, ids: list[int]) -> str:
        return b"".join(map(self.tokenizer.token_bytes, ids)).decode("utf-8", "replace")


def make_case(metadata: Metadata) -> Case:
    tokenizer = Tokenizer.from_metadata(metadata)
    closing = [
        i in tokenizer.end_ids or re.fullmatch(rb'[]",}@Z]{1,2}', tokenizer.token_bytes(i)) is not None
        for i in range(tokenizer.num_tokens)
    ]
    return Case(tokenizer, ConstraintCompiler(tokenizer), torch.tensor(closing))
