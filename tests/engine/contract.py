"""What every engine must do: subclass `EngineContract` as `Test...` and give it a fixture `engine`.

The engine must answer QUESTION with 20 tokens or more, and greedily give the same reply every time.
"""

import math
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import pairwise

import pytest

from chatterm.conversation import Message
from chatterm.engine.base import (
    CancelToken,
    Choices,
    Engine,
    Finished,
    GenerationRequest,
    PrefillProgress,
    SamplingParams,
    StreamEvent,
    TextDelta,
)
from chatterm.errors import DoesNotFit, Unsupported

QUESTION = " ".join(f"word{number}" for number in range(40))
GREEDY = SamplingParams(temperature=0, max_tokens=30)
GRACE_S = 30.0
"""A deadline that only a hang misses."""


def ask(
    text: str = QUESTION,
    *,
    sampling: SamplingParams = GREEDY,
    prefill: str = "",
    num_samples: int = 1,
) -> GenerationRequest:
    messages = (Message("user", text),)
    return GenerationRequest(messages=messages, sampling=sampling, prefill=prefill, num_samples=num_samples)


def run(engine: Engine, *requests: GenerationRequest) -> list[StreamEvent]:
    return list(engine.stream(requests, CancelToken()))


def text_of(events: Sequence[StreamEvent], request: int = 0, sample: int = 0) -> str:
    return "".join(
        event.text
        for event in events
        if isinstance(event, TextDelta) and (event.request, event.sample) == (request, sample)
    )


def ends_of(events: Sequence[StreamEvent]) -> list[Finished]:
    return [event for event in events if isinstance(event, Finished)]


class EngineContract:
    """The tests; `engine` is the one under test."""

    def test_the_card_names_the_model(self, engine: Engine) -> None:
        card = engine.describe()
        assert card.name
        assert card.identity
        assert card.engine
        assert card.context_length > 0
        assert card == engine.describe()

    def test_more_text_counts_more(self, engine: Engine) -> None:
        few = engine.count([Message("user", "one two")])
        many = engine.count([Message("user", "one two three four five six")])
        assert 0 < few.tokens < many.tokens
        assert few.is_exact == many.is_exact

    def test_a_reply_has_text_and_one_end(self, engine: Engine) -> None:
        events = run(engine, ask())
        assert text_of(events).strip()
        (end,) = ends_of(events)
        assert events[-1] is end
        assert end.reason in {"end", "length"}

    def test_a_reply_repeats_greedily(self, engine: Engine) -> None:
        assert text_of(run(engine, ask())) == text_of(run(engine, ask()))

    def test_usage_counts_what_was_read_and_written(self, engine: Engine) -> None:
        events = run(engine, ask())
        usage = ends_of(events)[0].usage
        count = engine.count(ask().messages)
        if count.is_exact:
            assert usage.input_tokens == count.tokens
        assert 0 <= usage.cached_tokens <= usage.input_tokens
        ids = [i for event in events if isinstance(event, TextDelta) for i in event.token_ids]
        assert usage.output_tokens == len(ids) >= 20
        assert usage.prefill_s >= 0
        assert usage.decode_s >= 0

    def test_progress_grows_to_the_whole_prompt(self, engine: Engine) -> None:
        events = run(engine, ask())
        progress = [event for event in events if isinstance(event, PrefillProgress)]
        totals = {event.total for event in progress}
        if progress:
            assert totals == {ends_of(events)[0].usage.input_tokens}
            assert all(a.done <= b.done for a, b in pairwise(progress))
            assert progress[-1].done == progress[-1].total
            first_text = next(n for n, event in enumerate(events) if isinstance(event, TextDelta))
            assert not any(isinstance(event, PrefillProgress) for event in events[first_text:])

    @pytest.mark.parametrize("limit", [1, 7])
    def test_the_token_limit_holds(self, engine: Engine, limit: int) -> None:
        events = run(engine, ask(sampling=SamplingParams(temperature=0, max_tokens=limit)))
        (end,) = ends_of(events)
        assert (end.reason, end.usage.output_tokens) == ("length", limit)

    def test_a_stop_string_ends_the_reply_before_it(self, engine: Engine) -> None:
        whole = text_of(run(engine, ask()))
        stop = whole[len(whole) // 2 :][:4]
        sampling = SamplingParams(temperature=0, max_tokens=30, stop=("never in the reply \x00", stop))
        events = run(engine, ask(sampling=sampling))
        assert text_of(events) == whole[: whole.index(stop)]
        assert ends_of(events)[0].reason == "stop"

    def test_a_prefill_is_the_first_text(self, engine: Engine) -> None:
        assert text_of(run(engine, ask(prefill="Well then,"))).startswith("Well then,")

    def test_a_batch_ends_every_sample_once(self, engine: Engine) -> None:
        events = run(engine, ask(num_samples=2), ask("Say something else, at length, if you can."))
        assert sorted((end.request, end.sample) for end in ends_of(events)) == [(0, 0), (0, 1), (1, 0)]
        done: set[tuple[int, int]] = set()
        for event in events:
            if isinstance(event, TextDelta):
                assert (event.request, event.sample) not in done
            elif isinstance(event, Finished):
                done.add((event.request, event.sample))
        assert text_of(events, 0, 0) == text_of(events, 0, 1)

    def test_what_does_not_fit_is_refused_with_both_numbers(self, engine: Engine) -> None:
        length = engine.describe().context_length
        stream = engine.stream([ask("long " * (length + 10))], CancelToken())
        with pytest.raises(DoesNotFit) as caught, closing(stream):
            next(stream)
        assert caught.value.num_tokens > caught.value.limit > 0
        assert f"{caught.value.num_tokens:,}" in str(caught.value)
        assert f"{caught.value.limit:,}" in str(caught.value)

    def test_cancelled_before_it_starts(self, engine: Engine) -> None:
        cancel = CancelToken()
        cancel.cancel()
        events = list(engine.stream([ask(num_samples=2), ask()], cancel))
        assert [end.reason for end in ends_of(events)] == ["cancelled"] * 3
        assert not text_of(events)

    def test_cancelled_in_mid_reply_it_keeps_what_came(self, engine: Engine) -> None:
        whole = text_of(run(engine, ask()))
        cancel = CancelToken()
        events: list[StreamEvent] = []
        for event in engine.stream([ask() for _ in range(500)], cancel):
            events.append(event)
            if isinstance(event, TextDelta):
                cancel.cancel()
        # What was done by the time the token was set is whole; what came after has no text.
        ends = ends_of(events)
        assert len(ends) == 500
        assert ends[-1].reason == "cancelled"
        assert not text_of(events, request=499)
        for end in ends:
            text = text_of(events, request=end.request)
            assert whole.startswith(text) if end.reason == "cancelled" else text == whole

    def test_another_thread_may_cancel(self, engine: Engine) -> None:
        cancel = CancelToken()
        threading.Timer(0.05, cancel.cancel).start()
        events = list(engine.stream([ask() for _ in range(5000)], cancel))
        assert ends_of(events)[-1].reason == "cancelled"
        assert len(ends_of(events)) == 5000

    def test_closed_early_it_is_ready_for_the_next(self, engine: Engine) -> None:
        whole = text_of(run(engine, ask()))
        stream = engine.stream([ask() for _ in range(5000)], CancelToken())
        next(stream)
        stream.close()
        assert text_of(run(engine, ask())) == whole

    def test_turns_may_come_from_many_threads(self, engine: Engine) -> None:
        whole = text_of(run(engine, ask()))
        found: list[str] = []
        threads = [
            threading.Thread(target=lambda: found.append(text_of(run(engine, ask()))), daemon=True)
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(GRACE_S)
        assert found == [whole] * 3

    def test_counting_works_while_a_reply_streams(self, engine: Engine) -> None:
        before = engine.count(ask().messages)
        with closing(engine.stream([ask()], CancelToken())) as stream:
            next(stream)
            assert engine.count(ask().messages) == before

    def test_alternatives_are_told_or_refused_by_name(self, engine: Engine) -> None:
        request = replace(ask(), num_alternatives=3)
        try:
            events = run(engine, request)
        except Unsupported:
            return
        assert text_of(events) == text_of(run(engine, ask())), "telling changes nothing"
        for event in events:
            if isinstance(event, TextDelta):
                assert tuple(one.token_id for one in event.details) == event.token_ids
        details = [one for event in events if isinstance(event, TextDelta) for one in event.details]
        assert len(details) == ends_of(events)[0].usage.output_tokens
        for one in details:
            assert one.log_probability <= 0
            assert one.drawn_log_probability == 0, "greedily nothing else could have come"
            assert len(one.alternatives) == 3
            chances = [other.log_probability for other in one.alternatives]
            assert chances == sorted(chances, reverse=True)
            assert sum(map(math.exp, chances)) <= 1.000001
            assert one.alternatives[0].token_id == one.token_id, "greedily the likeliest comes"
        assert [one.offset for one in details] == sorted(one.offset for one in details)

    def test_a_choice_is_kept_or_refused_by_name(self, engine: Engine) -> None:
        options = ("perhaps not", "never in the world")
        try:
            events = run(engine, replace(ask(), constraint=Choices(options)))
        except Unsupported:
            return
        assert text_of(events) in options
        assert ends_of(events)[0].reason == "end"

    def test_labels_are_scored_or_refused_by_name(self, engine: Engine) -> None:
        try:
            scores = engine.score(ask().messages, ["yes", "no", "perhaps not"])
        except Unsupported:
            return
        assert len(scores) == 3
        assert all(score <= 0 for score in scores)

    def test_a_constraint_is_kept_or_refused_by_name(self, engine: Engine) -> None:
        try:
            events = run(engine, replace(ask(num_samples=2), constraint=Choices(("yes", "no"))))
        except Unsupported:
            return
        assert [text_of(events, sample=sample) in ("yes", "no") for sample in (0, 1)] == [True, True]
        assert [end.reason for end in ends_of(events)] == ["end", "end"]

    def test_close_may_be_repeated(self, engine: Engine) -> None:
        engine.close()
        engine.close()
