"""What a model is said to need is what loading it takes: torch's own storages are the oracle."""

import gc
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from chatterm.engine.local.decoder.linear import LoadPlan, Placement
from chatterm.engine.local.engine import LocalEngine
from chatterm.engine.local.fitting import fitted
from chatterm.engine.local.generation.kv_cache import Slab
from chatterm.engine.local.memory import Holding, folder_tensors, holding_here, need_of
from chatterm.engine.local.options import RuntimeOptions
from chatterm.engine.local.source import FolderSource, GGUFSource, open_source
from chatterm.engine.local.weights.packed_types import Multiplier
from chatterm.errors import OutOfMemory
from chatterm.models.block_types import BlockType
from chatterm.models.fit import PROGRAM_BYTES, MemoryNeed
from tests.support.gguf_files import TinyLlama, tiny_gguf
from tests.support.llama_oracle import rewrite_gguf

SPEC = TinyLlama(num_layers=3, embedding=256, feed_forward=512, vocab_size=1024, context_length=4096)
QUICK = (("Q4_0", True), ("F32", False))
"""Packed, with one table for both ends, and neither; each takes seconds, as torch's storages are sought."""
NUM_TOKENS = 600
MB = 10**6
PACKED = Placement.best_for(torch.device("cpu"))


def storages() -> dict[int, int]:
    """The memory that torch holds: address -> bytes."""
    gc.collect()
    tensors = [one for one in gc.get_objects() if issubclass(type(one), torch.Tensor)]
    found = [tensor.untyped_storage() for tensor in tensors]
    return {one.data_ptr(): one.nbytes() for one in found}


def gguf_source(path: Path) -> GGUFSource:
    source = open_source(path)
    assert isinstance(source, GGUFSource)
    return source


def need(source: GGUFSource, *, by: Multiplier = "torch", context_length: int | None = None) -> MemoryNeed:
    holding = Holding(by=by)
    return need_of(source.file.tensors.values(), source.spec, context_length=context_length, holding=holding)


@pytest.mark.parametrize(
    ("block_type", "is_tied"),
    [
        pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow)
        for case in product(("Q4_0", "Q5_0", "F32", "Q4_1", "Q8_0", "F16"), (True, False))
    ],
)
@torch.inference_mode()
def test_what_loading_takes_is_foreseen(tmp_path: Path, block_type: str, *, is_tied: bool) -> None:
    spec = TinyLlama(**{name: getattr(SPEC, name) for name in SPEC.__slots__} | {
        "block_type": block_type, "is_tied": is_tied,
    })  # fmt: skip
    source = gguf_source(tiny_gguf(tmp_path / "m.gguf", spec))
    before = storages()
    model, _ = source.load(LoadPlan(placement=PACKED, context_length=NUM_TOKENS))
    weights = sum(size for address, size in storages().items() if address not in before)
    slab = Slab(model, NUM_TOKENS, NUM_TOKENS)
    slab.reserve(NUM_TOKENS)
    cache = sum(tensor.nbytes for tensor in slab.tensors)
    expected = need(source, context_length=NUM_TOKENS)
    assert expected.weights + expected.embedding == pytest.approx(weights, rel=0.03)
    assert expected.cache == cache


def options(context_length: int, *, is_context_asked: bool = False) -> RuntimeOptions:
    return RuntimeOptions(context_length=context_length, is_context_asked=is_context_asked)


def test_where_only_the_cache_is_too_large_the_context_is_shortened(tmp_path: Path) -> None:
    source = gguf_source(tiny_gguf(tmp_path / "m.gguf", SPEC))
    placement = Placement.best_for(torch.device("cpu"))
    whole = need(source, context_length=4096)
    free = whole.total - 300 * MB - whole.cache_per_token * 1000
    fit = fitted(source, options(4096), placement, free)
    assert 2048 <= fit.context_length <= 3096
    assert "4,096" in fit.notices[0]
    with pytest.raises(OutOfMemory, match=r"m\.gguf.*--ctx \d+ would fit"):
        fitted(source, options(4096, is_context_asked=True), placement, free)
    assert fitted(source, options(4096), placement, whole.total).notices == ()


def test_a_folder_needs_what_its_tensors_say(tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, vocab_size=320, tie_word_embeddings=False, max_position_embeddings=2048,
    )  # fmt: skip
    LlamaForCausalLM(config).bfloat16().save_pretrained(tmp_path)
    source = open_source(tmp_path)
    assert isinstance(source, FolderSource)
    tensors = folder_tensors(source.checkpoint, source.spec)
    assert sum(tensor.num_bytes for tensor in tensors) == pytest.approx(source.checkpoint.size, rel=0.1)
    plain = need_of(tensors, source.spec)
    packed = need_of(tensors, source.spec, holding=Holding(target=BlockType.Q4_1))
    assert plain.weights == pytest.approx(sum(t.num_bytes for t in tensors) - plain.embedding, rel=0.05)
    assert packed.weights < plain.weights / 2


def test_the_c_library_counts_where_it_was_compiled(tmp_path: Path) -> None:
    assert holding_here(tmp_path).by == "torch"
    (tmp_path / "native").mkdir()
    (tmp_path / "native" / "x.so").touch()
    assert holding_here(tmp_path).by == "native"


def test_a_gpu_too_small_leaves_layers_to_the_cpu_and_says_so(tmp_path: Path) -> None:
    source = gguf_source(tiny_gguf(tmp_path / "m.gguf", SPEC))
    options = RuntimeOptions(context_length=4096, is_context_asked=True)
    gpu = Placement(torch.device("cuda"), torch.bfloat16, keeps_packed=True)
    total = fitted_total(source, gpu)
    assert fitted(source, options, gpu, total).num_first is None
    fit = fitted(source, options, gpu, total - 1, 10**9)
    assert fit.num_first == 2
    assert fit.context_length == 4096
    assert "1 of 3 layers do not fit" in fit.notices[0]
    assert "run on the CPU" in fit.notices[0]
    with pytest.raises(OutOfMemory, match="are free"):
        fitted(source, options, gpu, total - 1, 1000)
    with pytest.raises(OutOfMemory):
        fitted(source, options, gpu, total // 100, 10**9)


def test_a_tensor_of_no_layer_is_left_to_loading_to_refuse(tmp_path: Path) -> None:
    """A model that comes with more layers than its header tells of, as those that guess ahead do."""
    whole = tiny_gguf(tmp_path / "m.gguf", SPEC)
    more = {f"blk.{name}.weight": np.zeros((32, 32), np.float32) for name in ("3.eh_proj", "x.y")}
    source = gguf_source(rewrite_gguf(whole, tmp_path / "more.gguf", tensors=more))
    gpu = Placement(torch.device("cuda"), torch.bfloat16, keeps_packed=True)
    fit = fitted(source, options(4096, is_context_asked=True), gpu, fitted_total(source, gpu) - 1, 10**9)
    assert fit.num_first == 2


def fitted_total(source: GGUFSource, placement: Placement) -> int:
    """What the model and its whole context need on a device where the program is running."""
    holding = Holding(
        by=placement.multiplier,
        cache_itemsize=placement.cache_dtype.itemsize,
        chunk_size=placement.chunk_size,
    )
    found = need_of(source.file.tensors.values(), source.spec, holding=holding)
    return found.total - PROGRAM_BYTES


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_without_room_gives_way_to_the_cpu_and_that_is_said(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "m.gguf", SPEC)
    torch.cuda.set_per_process_memory_fraction(1e-6)
    try:
        engine = LocalEngine.open(path, name="m")
        card = engine.describe()
        engine.close()
        assert card.device == "cpu"
        assert "runs on the CPU" in card.notices[0]
        with pytest.raises(OutOfMemory):
            LocalEngine.open(path, name="m", device="cuda")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
