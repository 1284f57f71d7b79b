"""Replies whose tokens are chosen on the device are those that are chosen by the program."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from chatterm.engine.base import SamplingParams
from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.linear import Placement
from chatterm.engine.local.generation.device_steps import DeviceSteps
from chatterm.engine.local.generation.generate import Stepper
from chatterm.engine.local.generation.kv_cache import Slab
from chatterm.engine.local.generation.passes import Part
from chatterm.engine.local.generation.run import SampleRun
from chatterm.errors import GenerationFailed
from tests.engine.local.decoder.test_families import load
from tests.engine.local.generation.test_generate import GREEDY, ONE_THREAD, Writer
from tests.support.gguf_files import TinyLlama, tiny_gguf

PROMPTS = [[1, 40, 41, 2, 1, 50], [1, 60, 61, 62], [1, 44]]
DRAWN = SamplingParams(temperature=1.5, top_p=0.9, seed=5)


@pytest.fixture
def model(placement: Placement, tmp_path: Path) -> Decoder:
    shape = TinyLlama(context_length=128, num_layers=1, num_heads=2, num_kv_heads=1)
    return load(tiny_gguf(tmp_path / "tiny.gguf", shape), placement)


def writer_of(model: Decoder, *, is_fast: bool) -> Writer:
    writer = Writer(model)
    if is_fast:
        writer.stepper = Stepper(writer.reader, ONE_THREAD, steps_of(model))
    return writer


def steps_of(model: Decoder) -> DeviceSteps:
    from chatterm.engine.local.gpu.token_passes import KernelPasses

    assert model.gpu is not None
    return DeviceSteps(model, KernelPasses(model, model.gpu))


def written(writer: Writer) -> list[list[int]]:
    """Write a reply alone, then two of which one ends sooner, then one more with the one that is left."""
    alone = writer.start(PROMPTS[0], max_tokens=3, params=DRAWN)
    first = writer.finish(alone)
    short = writer.start(PROMPTS[1], max_tokens=2)
    long = writer.start(PROMPTS[0], max_tokens=5, params=replace(DRAWN, top_p=1.0), sample=1)
    while short.reason is None:
        writer.stepper.step([short, long])
    late = writer.start(PROMPTS[2], max_tokens=2)
    return [*first, short.ids, *writer.finish(long, late)]


def test_as_the_program_chooses(model: Decoder) -> None:
    assert written(writer_of(model, is_fast=True)) == written(writer_of(model, is_fast=False))


def test_a_slab_that_is_read_by_another_pass_meanwhile(model: Decoder) -> None:
    """What was launched ahead is no longer the next step then."""

    def ids_of(writer: Writer) -> list[int]:
        run = writer.start(PROMPTS[0], max_tokens=8)
        writer.stepper.step([run])
        writer.stepper.step([run])
        run.slab.truncate(3)
        run.ids[-1] = 70
        writer.reader.read([Part(run.slab, run.unread[:-1])])
        writer.stepper.step([run])
        return run.ids

    assert ids_of(writer_of(model, is_fast=True)) == ids_of(writer_of(model, is_fast=False))


def test_a_slab_that_grows_while_a_step_runs(model: Decoder) -> None:
    """What the step writes is in neither's tokens yet."""

    def ids_of(writer: Writer) -> list[int]:
        run = writer.start(PROMPTS[0], max_tokens=9, params=DRAWN, num_expected=len(PROMPTS[0]) + 3)
        return writer.finish(run)[0]

    assert ids_of(writer_of(model, is_fast=True)) == ids_of(writer_of(model, is_fast=False))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_a_slab_at_once_what_is_expected(model: Decoder) -> None:
    slab = Slab(model, 4096, 700)
    slab.reserve(10)
    assert slab.capacity == 700


def test_replies_that_ask_for_more_are_left_to_the_program(model: Decoder) -> None:
    writer, steps = writer_of(model, is_fast=False), steps_of(model)
    plain = writer.start(PROMPTS[0])
    penalised = writer.start(PROMPTS[1], params=replace(GREEDY, repeat_penalty=1.3))
    assert steps.can_step([plain])
    assert not steps.can_step([plain, penalised])
    assert not steps.can_step([plain] * 17)


def test_logits_that_are_no_numbers_end_the_reply(model: Decoder) -> None:
    writer = writer_of(model, is_fast=True)
    run: SampleRun = writer.start(PROMPTS[0], max_tokens=8)
    model.weights.output_norm.weight.fill_(torch.nan)
    with pytest.raises(GenerationFailed, match="NaN"):
        writer.stepper.step([run])
