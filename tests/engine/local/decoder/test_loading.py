"""What the loader takes from every family's file, and that whatever is amiss is named at load."""

import re
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader

from chatterm.engine.local.decoder.linear import Placement
from chatterm.engine.local.decoder.loading import layer_tensors, load_decoder
from chatterm.engine.local.weights.tensors import WeightFile
from chatterm.errors import BadModelFile
from chatterm.models.gguf import GGUFFile
from chatterm.models.hyperparameters import read_hyperparameters
from tests.support.family_gguf import family_gguf
from tests.support.llama_oracle import rewrite_gguf
from tests.support.tiny_models import FAMILIES, tiny_model


def write(tmp_path: Path, family: str, **changes: object) -> Path:
    config, model = tiny_model(family, num_hidden_layers=2, **changes)
    return family_gguf(tmp_path / "tiny.gguf", family, config, model)


def load(path: Path) -> None:
    with GGUFFile.open(path) as file:
        load_decoder(WeightFile(file), read_hyperparameters(file), Placement.reference())


def last_layer(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the tensors of layer 1."""
    tensors = GGUFReader(path).tensors
    return {t.name: tuple(reversed(t.shape.tolist())) for t in tensors if t.name.startswith("blk.1.")}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_tensor_of_a_layer_is_needed(family: str, tmp_path: Path) -> None:
    path = write(tmp_path, family)
    names = last_layer(path)
    with GGUFFile.open(path) as file:
        expected = [f"blk.1.{name}" for name in layer_tensors(read_hyperparameters(file))]
    assert sorted(names) == sorted(expected)
    for name in names:
        lacking = rewrite_gguf(path, tmp_path / "lacking.gguf", without=[name])
        with pytest.raises(BadModelFile, match=f"has no tensor '{re.escape(name)}'"):
            load(lacking)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_tensor_of_a_layer_has_its_shape(family: str, tmp_path: Path) -> None:
    path = write(tmp_path, family)
    for name, shape in last_layer(path).items():
        wrong = np.ones((shape[0] + 1, *shape[1:]), dtype=np.float32)
        odd = rewrite_gguf(path, tmp_path / "odd.gguf", tensors={name: wrong})
        said = f"tensor '{name}' should be {' x '.join(map(str, shape))}, but is {shape[0] + 1}"
        with pytest.raises(BadModelFile, match=re.escape(said)):
            load(odd)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e30])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_number_that_cannot_be_is_named(family: str, value: float, tmp_path: Path) -> None:
    path = write(tmp_path, family)
    vectors = {name: shape for name, shape in last_layer(path).items() if len(shape) == 1}
    for name, shape in {**vectors, "output_norm.weight": (96,)}.items():
        values = np.ones(shape, dtype=np.float32)
        values[-1] = value
        damaged = rewrite_gguf(path, tmp_path / "damaged.gguf", tensors={name: values})
        with pytest.raises(BadModelFile, match=f"the model's {re.escape(name)} should hold numbers"):
            load(damaged)


FOREIGN = {
    "llama": "blk.0.attn_q_norm.weight",
    "mistral": "blk.0.ffn_gate_inp.weight",
    "qwen2": "blk.1.attn_sinks.weight",
    "qwen3": "cls.output.weight",
    "gemma2": "blk.0.attn_k_norm.weight",
    "gemma3": "mm.input_projection.weight",
    "phi3": "blk.0.ffn_gate.weight",
    "smollm3": "blk.2.attn_norm.weight",
    "olmo2": "blk.0.attn_norm.weight",
    "granite": "blk.0.ffn_up_exps.weight",
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tensor_too_many_is_refused(family: str, tmp_path: Path) -> None:
    name = FOREIGN[family]
    values = np.ones(96, dtype=np.float32)
    more = rewrite_gguf(write(tmp_path, family), tmp_path / "more.gguf", tensors={name: values})
    architecture = "llama" if family == "mistral" else family
    said = f"1 tensors that a {architecture} decoder does not use (the first is '{name}')"
    with pytest.raises(BadModelFile, match=re.escape(said)):
        load(more)


@pytest.mark.parametrize(
    ("family", "name", "values"),
    [
        ("llama", "rope_freqs.weight", np.zeros(8)),
        ("llama", "rope_freqs.weight", -np.ones(8)),
        ("phi3", "rope_factors_long.weight", np.zeros(6)),
    ],
)
def test_rope_factors_must_be_above_zero(
    family: str, name: str, values: np.ndarray[tuple[int], np.dtype[np.float64]], tmp_path: Path
) -> None:
    path = write(tmp_path, family)
    damaged = rewrite_gguf(path, tmp_path / "odd.gguf", tensors={name: values.astype(np.float32)})
    with pytest.raises(BadModelFile, match=f"the model's {name} should be above 0"):
        load(damaged)


def test_longrope_needs_the_tensor_of_its_context(tmp_path: Path) -> None:
    path = write(tmp_path, "phi3")
    lacking = rewrite_gguf(path, tmp_path / "lacking.gguf", without=["rope_factors_short.weight"])
    with GGUFFile.open(lacking) as file:
        spec = read_hyperparameters(file)
        with pytest.raises(BadModelFile, match=r"no tensor 'rope_factors_short\.weight'"):
            load_decoder(WeightFile(file), spec, Placement.reference(), context_length=64)
