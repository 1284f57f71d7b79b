"""One door for files and folders: the same engine contract, and what is refused before torch is needed."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from chatterm.conversation import Message
from chatterm.engine.base import Engine
from chatterm.engine.local.engine import LocalEngine
from chatterm.engine.local.source import FolderSource, ForeignSource, GGUFSource, open_source
from chatterm.errors import BadModelFile, ModelError, UsageError
from chatterm.models.cache import TOKENIZERS
from tests.engine.contract import EngineContract, ask, ends_of, run, text_of
from tests.support.gguf_files import CHATML, TinyLlama, tiny_gguf
from tests.support.model_folders import change_json, family_folder, foreign_model, model_folder


def opened(path: Path, **options: object) -> LocalEngine:
    return LocalEngine.open(path, name="tested", num_threads=1, **options)  # type: ignore[arg-type]  # a test's


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return family_folder(tmp_path_factory.mktemp("family") / "Tiny-Llama")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_folder(tmp_path_factory.mktemp("foreign") / "tiny-gpt2", foreign_model())


class TestFolder(EngineContract):
    @pytest.fixture
    def engine(self, family: Path) -> Iterator[Engine]:
        with closing(opened(family)) as engine:
            yield engine


class TestForeignFolder(EngineContract):
    @pytest.fixture
    def engine(self, foreign: Path) -> Iterator[Engine]:
        with closing(opened(foreign)) as engine:
            yield engine


def test_a_foreign_model_says_that_it_is_slower(foreign: Path, family: Path) -> None:
    with closing(opened(foreign)) as engine:
        assert any("through transformers" in note and "slower" in note for note in engine.describe().notes)
        assert engine.describe().context_length == 512
    with closing(opened(family)) as engine:
        assert not any("transformers" in note for note in engine.describe().notes)


def test_seeds_and_prefixes_work_for_a_foreign_model(foreign: Path) -> None:
    from chatterm.engine.base import SamplingParams

    with closing(opened(foreign)) as engine:
        hot = ask(sampling=SamplingParams(temperature=1.0, seed=5, max_tokens=12))
        first, again = run(engine, hot), run(engine, hot)
        assert text_of(first) == text_of(again)
        assert ends_of(again)[0].usage.cached_tokens > 0
        other = ask(sampling=SamplingParams(temperature=1.0, seed=6, max_tokens=12))
        assert text_of(run(engine, other)) != text_of(first)


def test_a_model_with_eyes_reads_text_and_says_so(tmp_path: Path) -> None:
    folder = family_folder(tmp_path, "gemma3", "gemma")
    plain = load_file(folder / "model.safetensors")
    before = json.loads((folder / "config.json").read_text())
    with closing(opened(folder)) as engine:
        expected = text_of(run(engine, ask()))
    tensors = {f"language_model.{name}": tensor for name, tensor in plain.items()}
    save_file({**tensors, "vision_tower.x.weight": torch.zeros(2)}, folder / "model.safetensors")
    whole = {
        "architectures": ["Gemma3ForConditionalGeneration"],
        "model_type": "gemma3",
        "text_config": before,
    }
    (folder / "config.json").write_text(json.dumps(whole))
    with closing(opened(folder)) as engine:
        assert text_of(run(engine, ask())) == expected
        assert any("text only" in note for note in engine.describe().notes)


@pytest.mark.parametrize("quantising", ["int4", "int8"])
def test_plain_weights_are_quantised_on_request(quantising: str, family: Path, tmp_path: Path) -> None:
    gguf = tiny_gguf(tmp_path / "plain.gguf", TinyLlama(block_type="F16"))
    for path in (family, gguf):
        with closing(opened(path)) as plain, closing(opened(path, quantising=quantising)) as engine:
            assert engine.describe().identity.startswith(plain.describe().identity + ":Q")
            assert text_of(run(engine, ask())).strip()


@pytest.mark.parametrize(
    ("make", "quantising", "message"),
    [
        (lambda folder: tiny_gguf(folder / "x.gguf"), "int4", r"quantised already \(Q4_0\)"),
        (family_folder, "int5", "to int4 or int8, found 'int5'"),
        (lambda folder: model_folder(folder, foreign_model()), "int4", "leave --quantize out"),
    ],
)
def test_what_cannot_be_quantised_is_told(
    make: Callable[[Path], Path], quantising: str, message: str, tmp_path: Path
) -> None:
    path = make(tmp_path)
    with pytest.raises(UsageError, match=message):
        open_source(path, quantising)


def test_packed_folders_are_not_quantised_again(tmp_path: Path) -> None:
    folder = family_folder(tmp_path)
    change_json(folder / "config.json", quantization_config={"quant_method": "gptq", "bits": 4})
    with pytest.raises(UsageError, match=r"quantised already \(gptq\)"):
        open_source(folder, "int4")


@pytest.mark.parametrize("method", ["bitsandbytes", "fp8", "compressed-tensors"])
def test_other_ways_to_pack_are_refused_at_once(method: str, tmp_path: Path) -> None:
    folder = family_folder(tmp_path)
    change_json(folder / "config.json", quantization_config={"quant_method": method})
    with pytest.raises(BadModelFile, match=rf"quant_method should be gptq or awq .*{method}"):
        open_source(folder)


def test_each_kind_has_its_source(family: Path, foreign: Path, tmp_path: Path) -> None:
    assert isinstance(open_source(family), FolderSource)
    assert isinstance(open_source(foreign), ForeignSource)
    assert isinstance(open_source(tiny_gguf(tmp_path / "x.gguf")), GGUFSource)


def test_the_chat_template_comes_from_either_file(tmp_path: Path) -> None:
    folder = model_folder(tmp_path, foreign_model(), template=None)
    assert open_source(folder).chat_template is None
    change_json(folder / "tokenizer_config.json", chat_template="one")
    assert open_source(folder).chat_template == "one"
    named = [{"name": "tools", "template": "t"}, {"name": "default", "template": "d"}]
    change_json(folder / "tokenizer_config.json", chat_template=named)
    assert open_source(folder).chat_template == "d"
    (folder / "chat_template.jinja").write_text(CHATML)
    assert open_source(folder).chat_template == CHATML
    (folder / "chat_template.jinja").write_bytes(b"\xff")
    with pytest.raises(BadModelFile, match="no text in UTF-8"):
        _ = open_source(folder).chat_template
    (folder / "chat_template.jinja").unlink()
    change_json(folder / "tokenizer_config.json", chat_template=7)
    with pytest.raises(BadModelFile, match="chat_template should be a text"):
        _ = open_source(folder).chat_template


def test_a_conversation_counts_as_transformers_tokenises_it(family: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    theirs = PreTrainedTokenizerFast(tokenizer_file=str(family / "tokenizer.json"))
    messages = [Message("user", "Привет, 世界!"), Message("assistant", "2 + 2 = 4"), Message("user", "ok")]
    plain = [{"role": message.role, "content": message.content} for message in messages]
    ids = theirs.apply_chat_template(
        plain, chat_template=CHATML, add_generation_prompt=True, return_dict=False
    )
    with closing(opened(family)) as engine:
        assert engine.count(messages).tokens == len(ids)


def test_more_tokens_than_rows_are_refused(tmp_path: Path) -> None:
    folder = family_folder(tmp_path)
    content = json.loads((folder / "tokenizer.json").read_text())
    content["added_tokens"].append({"id": 5000, "content": "<|x|>", "special": True})
    (folder / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(BadModelFile, match="up to id 5,000, but the model's embedding has 2,048 rows"):
        opened(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocab_size": 4096}, "'model.embed_tokens.weight' should be 4096 x 96, but is 2048 x 96"),
        ({"intermediate_size": 128}, "should be 128 x 96, but is 160 x 96"),
        ({"num_hidden_layers": 4}, r"no tensor 'blk\.3\."),
        ({"num_hidden_layers": 2}, "tensors that a llama decoder does not use"),
        ({"attention_bias": True}, r"no tensor 'blk\.0\.attn_(q|output)\.bias'"),
    ],
)
def test_a_config_of_another_model_is_refused(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    folder = family_folder(tmp_path)
    change_json(folder / "config.json", **changes)
    with pytest.raises(BadModelFile, match=message):
        opened(folder)


def test_without_transformers_a_foreign_folder_says_what_to_install(
    foreign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatterm.engine.local.source.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"pip install 'chatterm\[transformers\]'"):
        open_source(foreign)


def test_opening_a_source_needs_neither_torch_nor_transformers(family: Path, foreign: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from chatterm.engine.local.source import open_source\n"
        "for path in sys.argv[1:]: open_source(Path(path)).open_tokenizer()\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(family), str(foreign)], check=True)


def test_what_was_found_out_about_a_large_vocabulary_is_kept(tmp_path: Path) -> None:
    letters = "abcdefghijklmnopqr"
    tokens = [
        "<unk>",
        "<s>",
        "</s>",
        *("".join(word) for n in (1, 2, 3) for word in product(letters, repeat=n)),
    ]
    vocabulary: dict[str, Any] = {  # lists of several types
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [2, 3, 3] + [1] * (len(tokens) - 3),
        "tokenizer.ggml.scores": [-float(n) for n in range(len(tokens))],
    }
    spec = TinyLlama(num_layers=1, vocab_size=len(tokens), chat_template=None)
    path = tiny_gguf(tmp_path / "large.gguf", spec, vocabulary)
    for _ in range(2):
        opened(path, cache=tmp_path / "cache").close()
        (kept,) = (tmp_path / "cache" / TOKENIZERS).iterdir()
    assert kept.stat().st_size < len(tokens) + 100
