"""What a checked reply rests on: the documents of this turn and of earlier ones, by name."""

from chatterm.tasks.check_plan import CheckPlan, Earlier
from chatterm.tasks.citing import Cited, grounds_of
from chatterm.tasks.reply_text import read_reply

LEASE = "The lease begins on 1 March 2024.\nThe tenant pays 1,250 euros each month.\n"
NOTES = "冬天修理了暖气。\n花园由房东负责。\n"


def test_documents_of_earlier_turns_come_behind_and_none_twice() -> None:
    plan = CheckPlan(sources=(LEASE,), names=("lease.txt",))
    earlier = Earlier(sources=(NOTES, LEASE), names=("notes.txt", "old.txt"))
    grounds = grounds_of(plan, earlier)
    assert grounds.names == ("lease.txt", "notes.txt")
    assert grounds_of(plan, earlier) is grounds
    assert (grounds.language, grounds_of(CheckPlan(sources=(NOTES,)), Earlier()).language) == ("en", "zh")
    assert not grounds_of(CheckPlan(sources=(LEASE,), is_closed=True), Earlier())
    assert not grounds_of(CheckPlan(), Earlier())
    [support] = grounds.cite_all("花园由房东负责。")
    assert grounds.lines(support, "en") == "notes.txt:2"


def test_items_of_a_list_in_json_rest_on_lines() -> None:
    schema = {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "quote": {"type": "string"},
                "advice": {"type": "string"},
                "kind": {"enum": ["a", "b"]},
            },
        },
    }
    reply = (
        '[{"quote": "begins on 1 March", "advice": "Buy a boat and sail away", "kind": "a"},'
        ' {"quote": "", "advice": "Pay 1,250 euros a month", "kind": "b"},'
        ' {"quote": "", "advice": "Sell the garden", "kind": "b"}]'
    )
    plan = CheckPlan(sources=(LEASE,), names=("lease.txt",), schema=schema)
    found = Cited(grounds_of(plan, Earlier()), read_reply(reply, schema), is_json=True)
    assert [one.path for one in found.sources] == [(0,), (1,), (2,)]
    assert [place["lines"] for one in found.as_json() for place in one["places"]] == [[1, 1], [2, 2]]  # type: ignore[attr-defined]
    assert [one["how"] for one in found.as_json()] == ["quote", "numbers", "nothing"]
    for one in found.sources:
        assert reply[one.support.start : one.support.end]
