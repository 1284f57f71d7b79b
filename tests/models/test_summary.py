"""The summary adds up, describes what it cannot run, and never fails on odd metadata."""

from pathlib import Path

from chatterm.models.gguf import BlockType, GGUFFile
from chatterm.models.summary import BlockUse, ModelSummary, summarise
from tests.support.gguf_files import MetadataValue, TinyLlama, tiny_gguf


def summary(path: Path) -> ModelSummary:
    with GGUFFile.open(path) as file:
        return summarise(file)


def test_the_default_model(default_model: Path) -> None:
    found = summary(default_model)
    assert (found.architecture, found.licence, found.languages) == ("llama", "apache-2.0", ("en",))
    assert (found.tokenizer, found.vocab_size, found.has_chat_template) == ("gpt2/smollm", 49_152, True)
    assert found.title == "Smollm2 135M 8k Lc100K Mix1 Ep2"
    assert found.num_parameters == 134_515_008
    assert found.file_size == 98_362_432
    assert found.problem is None
    assert found.spec is not None
    assert found.spec.context_length == 8192
    assert found.blocks == (
        BlockUse(BlockType.Q4_1, 210, 106_168_320, 66_355_200),
        BlockUse(BlockType.Q8_0, 1, 28_311_552, 30_081_024),
        BlockUse(BlockType.F32, 61, 35_136, 140_544),
    )


def test_blocks_add_up(tmp_path: Path) -> None:
    path = tiny_gguf(
        tmp_path / "tiny.gguf", TinyLlama(block_type="Q8_0", embedding_type="F16", chat_template=None)
    )
    found = summary(path)
    assert {use.block_type for use in found.blocks} == {BlockType.Q8_0, BlockType.F16, BlockType.F32}
    assert sum(use.num_elements for use in found.blocks) == found.num_parameters
    assert sum(use.num_tensors for use in found.blocks) == 20
    assert [use.num_bytes for use in found.blocks] == sorted(
        (use.num_bytes for use in found.blocks), reverse=True
    )
    assert not found.has_chat_template


def test_an_unknown_architecture_is_described_with_its_problem(tmp_path: Path) -> None:
    extra: dict[str, MetadataValue] = {
        "general.architecture": "mamba",
        "general.license": 3,
        "general.languages": "en",
    }
    found = summary(tiny_gguf(tmp_path / "tiny.gguf", None, extra))
    assert found.architecture == "mamba"
    assert found.spec is None
    assert found.problem is not None
    assert "architecture is 'mamba'" in found.problem
    assert (found.licence, found.languages) == (None, ())
    assert found.num_parameters > 0
