"""Graphs of torch's operations: recorded at one position, they give the replies of plain steps at all."""

import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from chatterm.engine.base import SamplingParams
from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.layers import Segment
from chatterm.engine.local.decoder.linear import Placement
from chatterm.engine.local.decoder.token_passes import TokenRows, TorchPasses
from chatterm.engine.local.generation.device_steps import DeviceSteps
from chatterm.engine.local.generation.generate import Stepper
from chatterm.engine.local.generation.kv_cache import Slab
from chatterm.engine.local.generation.run import SampleRun
from chatterm.engine.local.weights.packed_types import CODE_FORMATS
from chatterm.engine.local.weights.packing import dequantise
from chatterm.models.block_types import BlockType
from tests.engine.local.decoder.test_families import load
from tests.engine.local.generation.test_generate import ONE_THREAD, Writer
from tests.support.block_data import random_tensor
from tests.support.family_gguf import family_gguf
from tests.support.gguf_files import TinyLlama, tiny_gguf
from tests.support.recorded_graph import NotCapturable, RecordedGraphs
from tests.support.tiny_models import FAMILIES, tiny_model

QUICK = {"qwen2", "gemma2"}
"""Between them they have biases, stretched rope, windows, caps, and norms after blocks."""
PACKED = Placement.best_for(torch.device("cpu"))
IDS = np.random.default_rng(5).integers(3, 320, 60).tolist()
DRAWN = SamplingParams(temperature=1.3, top_p=0.9, seed=3)


def decoder_of(family: str, tmp_path: Path, placement: Placement | None = None) -> Decoder:
    few = {"num_hidden_layers": 2} if family in QUICK else {}
    path = family_gguf(tmp_path / "tiny.gguf", family, *tiny_model(family, **few))
    return load(path, placement or Placement.reference(), context_length=200)


def fast_writer(model: Decoder, graphs: RecordedGraphs) -> Writer:
    writer = Writer(model)
    passes = TorchPasses(model, least_bucket=16)
    writer.stepper = Stepper(writer.reader, ONE_THREAD, DeviceSteps(model, passes, graphs))
    return writer


@torch.inference_mode()
def poisoned(run: SampleRun) -> SampleRun:
    """Fill what was never written: memory may hold anything."""
    for tensor in run.slab.tensors:
        tensor[:, :, len(run.slab.token_ids) :] = torch.nan
    return run


def replies(writer: Writer) -> list[list[int]]:
    """One alone across two borders of buckets, then three at once, of which one ends sooner."""
    alone = poisoned(writer.start(IDS[:9], max_tokens=30))
    found = writer.finish(alone)
    runs = [poisoned(writer.start(IDS[:20], max_tokens=18, params=DRAWN, sample=n)) for n in range(2)]
    runs.append(poisoned(writer.start(IDS[:5], max_tokens=6, params=replace(DRAWN, top_p=1.0, top_k=5))))
    return [*found, *writer.finish(*runs)]


@pytest.mark.parametrize(
    "family", [pytest.param(one, marks=[] if one in QUICK else [pytest.mark.slow]) for one in FAMILIES]
)
def test_replies_by_graphs_are_those_by_plain_steps(family: str, tmp_path: Path) -> None:
    model = decoder_of(family, tmp_path)
    graphs = RecordedGraphs()
    assert replies(fast_writer(model, graphs)) == replies(Writer(model))
    # Alone in three buckets, together in one more; a family that ends a reply soon has no others.
    assert graphs.num_captured >= 4
    assert graphs.num_replayed > 3 * graphs.num_captured


@pytest.mark.parametrize(
    ("position", "bucket"),
    [(2, 16), (7, 16), (9, 16), (15, 16), (16, 16), (31, 16), (40, 16), (2, 64), (8, 64)],
)
@pytest.mark.parametrize("family", sorted(QUICK))
def test_a_pass_gives_the_logits_of_a_plain_one(
    family: str, position: int, bucket: int, tmp_path: Path
) -> None:
    """Windows of 9 are within a bucket of 16 by a mask, and gathered from a longer one."""
    model = decoder_of(family, tmp_path)
    found, expected = logits_at(model, position, bucket)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def logits_at(model: Decoder, position: int, least_bucket: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return those of a pass over the token there, with poison behind it, and those of a plain one."""
    slab = Slab(model, 64)
    slab.read(IDS[:position])
    slab.reserve(64)
    for tensor in slab.tensors:
        tensor[:, :, position:] = torch.nan
    rows = TokenRows(torch.tensor([IDS[position]]), torch.tensor([position], dtype=torch.int32))
    segment = Segment(slab.tensors, position, 1)
    token_pass = TorchPasses(model, least_bucket=least_bucket).of(rows, [segment])
    token_pass.prepare()
    return token_pass.run()[0], slab.read([IDS[position]])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("family", FAMILIES)
def test_replies_by_the_card_s_own_graphs(family: str, tmp_path: Path) -> None:
    """In fp32, so that both ways to attend round alike but for the last bits."""
    device = torch.device("cuda")
    model = decoder_of(family, tmp_path, Placement(device, torch.float32, keeps_packed=False))
    writer = Writer(model)
    steps = DeviceSteps(model, TorchPasses(model, least_bucket=16))
    writer.stepper = Stepper(writer.reader, ONE_THREAD, steps)
    assert replies(writer) == replies(Writer(model))


@pytest.fixture
def tiny(tmp_path: Path) -> Decoder:
    shape = TinyLlama(context_length=256, num_layers=1, num_heads=2, num_kv_heads=1)
    return load(tiny_gguf(tmp_path / "tiny.gguf", shape), Placement.reference())


def test_a_graph_serves_the_next_reply_in_the_same_memory_alone(tiny: Decoder) -> None:
    graphs = RecordedGraphs()
    writer = fast_writer(tiny, graphs)
    first = writer.start(IDS[:3], max_tokens=9)
    writer.finish(first)
    assert graphs.num_captured == 1
    again = writer.start([*first.ids[:11], 7], max_tokens=4)
    assert again.slab is first.slab
    writer.finish(again)
    assert graphs.num_captured == 1
    other = writer.start(IDS[20:23], max_tokens=9)
    writer.finish(other)
    assert graphs.num_captured == 2


def test_graphs_keep_no_reply_s_memory(tiny: Decoder) -> None:
    """They would keep that of many replies, which nobody counts."""

    def capture(body: Callable[[], None]) -> Callable[[], None]:
        body()
        return lambda: None

    writer = Writer(tiny)
    steps = DeviceSteps(tiny, TorchPasses(tiny), capture)
    writer.stepper = Stepper(writer.reader, ONE_THREAD, steps)
    run = writer.start(IDS[:3], max_tokens=9)
    memory = weakref.ref(run.slab.tensors[0])
    writer.finish(run)
    writer.cache.clear()
    del run
    assert memory() is None


def test_steps_go_on_where_there_is_no_graph(tiny: Decoder) -> None:
    """Capturing ran out of memory, say, after it ran the step."""
    plain = Writer(tiny)
    expected = plain.finish(plain.start(IDS[:3], max_tokens=12))
    writer = Writer(tiny)
    writer.stepper = Stepper(writer.reader, ONE_THREAD, DeviceSteps(tiny, TorchPasses(tiny), _run_once))
    assert writer.finish(writer.start(IDS[:3], max_tokens=12)) == expected


def _run_once(body: Callable[[], None]) -> None:
    body()


def test_the_packed_decoder_steps_by_graphs_too(tmp_path: Path) -> None:
    """int4 products in bf16, whose logits may differ by its rounding."""
    model = load(tiny_gguf(tmp_path / "tiny.gguf", TinyLlama(block_type="Q4_0")), PACKED)
    found, expected = logits_at(model, 20, 16)
    assert float((found - expected).norm() / expected.norm()) < 1e-2


@pytest.mark.parametrize("kind", CODE_FORMATS)
def test_a_graph_can_hold_the_embedding_of_each_type(kind: BlockType) -> None:
    blocks = torch.zeros(3, 2, kind.type_size, dtype=torch.uint8)
    found = torch.empty(3, 2 * kind.block_size)

    def body() -> None:
        found.copy_(dequantise(kind, blocks))

    replay = RecordedGraphs()(body)
    blocks.copy_(random_tensor(kind.name, 3, 2 * kind.block_size).blocks)
    replay()
    assert torch.equal(found, dequantise(kind, blocks))
    assert found.any()


READINGS: dict[str, Callable[[torch.Tensor], object]] = {
    "a number of the device": lambda x: x[int(x[0])],
    "a condition": lambda x: 1 if x[1] else 2,
    "numbers of the program": lambda _: torch.tensor([1.0]),
    "a shape that depends on data": torch.nonzero,
}


@pytest.mark.parametrize("what", READINGS)
def test_the_stand_in_refuses_what_a_graph_cannot_hold(what: str) -> None:
    x = torch.zeros(3)

    def body() -> None:
        READINGS[what](x)

    with pytest.raises(NotCapturable):
        RecordedGraphs()(body)


def test_the_stand_in_keeps_what_the_program_said() -> None:
    """Else a step that depends on a number of the program's would pass for one that does not."""
    place, x = [0], torch.zeros(3)

    def body() -> None:
        x[place[0]].add_(1)

    replay = RecordedGraphs()(body)
    place[0] = 2
    replay()
    assert x.tolist() == [3, 0, 0]
