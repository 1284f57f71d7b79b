"""One reply under way: what was generated, on the slab that holds it. Knows no passes and no text."""

from collections.abc import Collection, Sequence

from torch import Tensor

from chatterm.conversation import FinishReason
from chatterm.engine.base import SamplingParams
from chatterm.engine.local.generation.choosing import Drawn, TokenChooser
from chatterm.engine.local.generation.kv_cache import Slab
from chatterm.engine.local.generation.lookup import PromptLookup


class SampleRun:
    """One reply on a slab that holds its prompt. Tokens enter the slab when the one after them is wanted."""

    def __init__(
        self,
        slab: Slab,
        prompt_ids: Sequence[int],
        chooser: TokenChooser,
        *,
        end_ids: Collection[int],
        max_tokens: int,
        lookup: PromptLookup | None = None,
    ) -> None:
        self.slab = slab
        self.ids = list(prompt_ids)
        """The prompt and what was generated."""
        self.reason: FinishReason | None = None
        """Why nothing more comes: `end` or `length`; None while more may come."""
        self._chooser = chooser
        self._end_ids = end_ids
        self._max_length = len(prompt_ids) + max_tokens
        self._lookup = lookup
        if chooser.is_complete:
            self.reason = "end"

    @property
    def unread(self) -> list[int]:
        """What was chosen and is not in the slab yet."""
        return self.ids[len(self.slab.token_ids) :]

    @property
    def plain_choice(self) -> tuple[SamplingParams, int] | None:
        """How its tokens are chosen, and its sample's number, where the logits alone decide; else None."""
        return self._chooser.plain_choice

    def can_go_on(self, num_tokens: int) -> bool:
        """Tell whether so many more tokens may come."""
        return len(self.ids) + num_tokens <= self._max_length

    def draft(self) -> Sequence[int]:
        """Return guesses at what comes next; mostly none."""
        if self._lookup is None:
            return ()
        # The last token that may still come needs no guess: the pass gives it anyway.
        return self._lookup.draft(self.ids, self._max_length - len(self.ids) - 1)

    def note(self, num_drafted: int, num_right: int) -> None:
        """Tell how many guesses were right."""
        if self._lookup is not None:
            self._lookup.note(num_drafted, num_right)

    def draw(self, logits: Tensor) -> Drawn | None:
        """Choose the next token from fp32 logits (vocabulary,); None where the reply ended without one."""
        return self.take(self._chooser.choose(logits, self.ids))

    def take(self, drawn: Drawn) -> Drawn | None:
        """Go on with a token that was chosen; None where it ends the reply."""
        if drawn.token_id in self._end_ids:
            self.reason = "end"
            return None
        self._chooser.accept(drawn.token_id)
        self.ids.append(drawn.token_id)
        if self._chooser.is_complete:
            self.reason = "end"
        elif len(self.ids) >= self._max_length:
            self.reason = "length"
        return drawn
