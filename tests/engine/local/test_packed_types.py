"""What `models show` says of a block type is what the engine does with it."""

from chatterm.engine.local.int4_codes import num_planes
from chatterm.engine.local.packed_types import PACKED_TYPES, PLAIN_TYPES, describe_use
from chatterm.models.block_types import BlockType


def test_the_types_said_to_stay_packed_are_those_that_do() -> None:
    assert {kind for kind in BlockType if num_planes(kind)} == PACKED_TYPES
    assert PACKED_TYPES.isdisjoint(PLAIN_TYPES)


def test_the_cost_of_unpacking_is_said_in_megabytes() -> None:
    assert describe_use(BlockType.Q4_0, 32, 18) == "packed"
    assert describe_use(BlockType.F32, 32, 128) == "not quantised"
    assert describe_use(BlockType.Q6_K, 10**6, 820_312).endswith("1.2 MB more in memory")
