"""Folders of every family against transformers, also sharded and quantised; packed ones by their codes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple  # transformers has no types

import numpy as np
import numpy.typing as npt
import pytest
import torch
from gguf import GGMLQuantizationType, quants
from safetensors.torch import save_file

from chatterm.engine.local.decoder.decoder import Decoder
from chatterm.engine.local.decoder.linear import Placement
from chatterm.engine.local.decoder.loading import load_decoder
from chatterm.engine.local.generation.kv_cache import Slab
from chatterm.engine.local.weights.checkpoint_weights import CheckpointWeights
from chatterm.engine.local.weights.packing import dequantise
from chatterm.engine.local.weights.quantised_weights import QuantisedWeights
from chatterm.engine.local.weights.tensors import Weights
from chatterm.errors import BadModelFile
from chatterm.models.arch_spec import ArchSpec
from chatterm.models.block_types import BlockType
from chatterm.models.checkpoint import Checkpoint
from tests.support.family_gguf import round_weights
from tests.support.tiny_models import FAMILIES, VOCAB_SIZE, tiny_model

Q8_0 = GGMLQuantizationType.Q8_0
REFERENCE = Placement.reference()
IDS = np.random.default_rng(0).integers(3, VOCAB_SIZE, 90).tolist()


def load(folder: Path, target: BlockType | None = None, placement: Placement = REFERENCE) -> Decoder:
    checkpoint = Checkpoint.open(folder)
    assert isinstance(checkpoint.spec, ArchSpec), checkpoint.spec.reason
    weights: Weights = CheckpointWeights.open(checkpoint)
    if target is not None:
        weights = QuantisedWeights(weights, target)
    return load_decoder(weights, checkpoint.spec, placement)[0]


@torch.inference_mode()
def logits_of(decoder: Decoder) -> torch.Tensor:
    return Slab(decoder, 512).read(IDS, is_last_only=False)


@torch.inference_mode()
def oracle(model: Any) -> torch.Tensor:
    logits: torch.Tensor = model(torch.tensor([IDS])).logits[0]
    return logits.float()


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def assert_close(found: torch.Tensor, expected: torch.Tensor) -> None:
    scale = float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * max(1.0, scale / 10))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shard_size", ["1GB", "100KB"])
def test_a_folder_gives_the_logits_of_transformers(family: str, shard_size: str, tmp_path: Path) -> None:
    _, model = tiny_model(family)
    model.save_pretrained(tmp_path, max_shard_size=shard_size)
    assert (tmp_path / "model.safetensors").exists() == (shard_size == "1GB")
    assert_close(logits_of(load(tmp_path)), oracle(model))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("target", [BlockType.Q8_0, BlockType.Q4_1])
def test_quantised_on_load_it_is_the_model_with_rounded_matrices(
    family: str, target: BlockType, tmp_path: Path
) -> None:
    _, model = tiny_model(family)
    model.save_pretrained(tmp_path)
    embedding, head = model.model.embed_tokens.weight, model.lm_head.weight
    plain, before = embedding.detach().clone(), head.detach().clone()
    with torch.no_grad():
        round_weights(model, target.name)
        embedding.copy_(plain)
        head.copy_(torch.from_numpy(quants.dequantize(quants.quantize(before.numpy(), Q8_0), Q8_0)))
    assert_close(logits_of(load(tmp_path, target)), oracle(model))


@pytest.mark.parametrize("target", [BlockType.Q8_0, BlockType.Q4_1])
def test_quantising_gives_the_blocks_of_ggml(target: BlockType, tmp_path: Path) -> None:
    _, model = tiny_model("llama")
    model.save_pretrained(tmp_path)
    weights = QuantisedWeights(CheckpointWeights.open(Checkpoint.open(tmp_path)), target)
    found = weights.matrix("blk.0.attn_q.weight", (96, 96))
    plain = model.model.layers[0].self_attn.q_proj.weight.detach().numpy()
    expected = quants.quantize(plain, GGMLQuantizationType(int(target)))
    assert found.block_type is target
    assert np.array_equal(found.blocks.numpy().reshape(96, -1), expected)
    assert weights.matrix("token_embd.weight", (VOCAB_SIZE, 96)).block_type is BlockType.F32
    assert weights.matrix("output.weight", (VOCAB_SIZE, 96)).block_type is BlockType.Q8_0
    assert weights.vector("blk.0.attn_norm.weight", 96).block_type is BlockType.F32


@pytest.mark.parametrize("block_type", [BlockType.F16, BlockType.BF16])
def test_half_precision_stays_as_it_is(block_type: BlockType, tmp_path: Path) -> None:
    dtype = torch.float16 if block_type is BlockType.F16 else torch.bfloat16
    for family in ("qwen3", "gemma3"):
        _, model = tiny_model(family)
        with torch.no_grad():
            for weight in model.parameters():
                weight.copy_(weight.to(dtype))
        expected = oracle(model)
        model.to(dtype).save_pretrained(tmp_path / family)
        weights = CheckpointWeights.open(Checkpoint.open(tmp_path / family))
        assert weights.matrix("token_embd.weight", (VOCAB_SIZE, 96)).block_type is block_type
        assert_close(logits_of(load(tmp_path / family)), expected)


GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False, "sym": False}
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm", "zero_point": True}
ROWS, COLUMNS = 96, 256


class Drawn(NamedTuple):
    """A packed matrix as its makers say it is: w = scale (code - zero), by output and group of inputs."""

    codes: npt.NDArray[np.int64]
    zeros: npt.NDArray[Any]
    scales: npt.NDArray[np.float16]

    def values(self) -> npt.NDArray[np.float64]:
        repeats = COLUMNS // self.zeros.shape[1]
        scales, zeros = (np.repeat(part.astype(np.float64), repeats, 1) for part in (self.scales, self.zeros))
        return scales * (self.codes - zeros)


def draw(group_size: int, seed: int = 0) -> Drawn:
    rng = np.random.default_rng(seed)
    groups = COLUMNS // (COLUMNS if group_size == -1 else group_size)
    return Drawn(
        rng.integers(0, 16, (ROWS, COLUMNS)),
        rng.integers(1, 16, (ROWS, groups)),
        rng.uniform(0.001, 0.02, (ROWS, groups)).astype(np.float16),
    )


def pack(values: npt.NDArray[np.int64], order: Sequence[int] = range(8)) -> torch.Tensor:
    """Pack 8 neighbours of the last axis into an int32: value `order[i]` into the bits from 4 i on."""
    eights = values.reshape(*values.shape[:-1], -1, 8).astype(np.uint64)
    packed = sum(eights[..., column] << np.uint64(4 * bits) for bits, column in enumerate(order))
    return torch.from_numpy(np.asarray(packed).astype(np.uint32).view(np.int32))


def gptq_parts(drawn: Drawn, *, zero_offset: int = 1, columns: int = COLUMNS) -> dict[str, torch.Tensor]:
    """As AutoGPTQ's `QuantLinear.pack` lays them out: inputs by outputs, eight inputs in a number."""
    return {
        "qweight": pack(drawn.codes).T.contiguous(),
        "qzeros": pack((drawn.zeros - zero_offset).T),
        "scales": torch.from_numpy(drawn.scales.T.copy()),
        "g_idx": torch.arange(columns, dtype=torch.int32) // (columns // drawn.zeros.shape[1]),
    }


def awq_parts(drawn: Drawn) -> dict[str, torch.Tensor]:
    """As AutoAWQ's `WQLinear_GEMM.from_linear` does: eight outputs in a number, in its `order_map`."""
    order = (0, 2, 4, 6, 1, 3, 5, 7)
    return {
        "qweight": pack(drawn.codes.T, order),
        "qzeros": pack(drawn.zeros.T, order),
        "scales": torch.from_numpy(drawn.scales.T.copy()),
    }


def packed_folder(
    folder: Path, parts: Mapping[str, torch.Tensor], config: Mapping[str, object]
) -> CheckpointWeights:
    """A llama's folder of which one matrix is packed."""
    folder.mkdir(exist_ok=True)
    shape = {
        "num_hidden_layers": 1,
        "hidden_size": COLUMNS,
        "num_attention_heads": 4,
        "intermediate_size": 96,
    }
    settings = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "max_position_embeddings": 64,
        "vocab_size": 64, "rms_norm_eps": 1e-6, "quantization_config": config, **shape,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(settings))
    name = "model.layers.0.mlp.gate_proj"
    save_file(
        {f"{name}.{part}": value.contiguous() for part, value in parts.items()}, folder / "model.safetensors"
    )
    return CheckpointWeights.open(Checkpoint.open(folder))


def matrix_of(weights: CheckpointWeights) -> npt.NDArray[np.float64]:
    tensor = weights.matrix("blk.0.ffn_gate.weight", (ROWS, COLUMNS))
    assert tensor.block_type is BlockType.Q4_1
    return dequantise(tensor.block_type, tensor.blocks).double().numpy()


@pytest.mark.parametrize("group_size", [32, 64, 128, -1])
@pytest.mark.parametrize("method", ["gptq", "gptq_v2", "awq"])
def test_packed_matrices_keep_their_codes(method: str, group_size: int, tmp_path: Path) -> None:
    drawn = draw(group_size)
    if method == "awq":
        parts, config = awq_parts(drawn), {**AWQ, "group_size": group_size}
    else:
        parts = gptq_parts(drawn, zero_offset=method == "gptq")
        config = {**GPTQ, "group_size": group_size, "checkpoint_format": method}
    found = matrix_of(packed_folder(tmp_path, parts, config))
    # m = -scale zero is rounded to fp16, to 11 bits of at most 0.02 x 15; nothing else is.
    assert np.abs(found - drawn.values()).max() <= 0.3 * 2.0**-11
    shifts = (drawn.zeros * drawn.scales.astype(np.float64)).astype(np.float16).astype(np.float64)
    exact = drawn._replace(zeros=shifts / drawn.scales.astype(np.float64))
    np.testing.assert_allclose(found, exact.values(), rtol=0, atol=1e-7)


def test_biases_of_zeros_beside_codes_are_left_out(tmp_path: Path) -> None:
    parts = {**gptq_parts(draw(128)), "bias": torch.zeros(ROWS, dtype=torch.float16)}
    weights = packed_folder(tmp_path, parts, GPTQ)
    assert weights.unused(["blk.0.ffn_gate.weight"]) == []
    parts["bias"][3] = 1
    weights = packed_folder(tmp_path, parts, GPTQ)
    assert weights.unused(["blk.0.ffn_gate.weight"]) == ["blk.0.ffn_gate.bias"]


def test_scattered_groups_are_refused(tmp_path: Path) -> None:
    parts = gptq_parts(draw(128))
    parts["g_idx"] = parts["g_idx"].flip(0)
    with pytest.raises(BadModelFile, match="act-order"):
        matrix_of(packed_folder(tmp_path, parts, {**GPTQ, "desc_act": True}))


@pytest.mark.parametrize(
    ("changes", "config", "message"),
    [
        ({}, {**GPTQ, "bits": 8}, "bits should be 4"),
        ({}, {**GPTQ, "group_size": 48}, "group_size should be -1 or a multiple of 32"),
        ({}, {**GPTQ, "checkpoint_format": "marlin"}, "should be gptq or gptq_v2, but is 'marlin'"),
        ({}, {**AWQ, "version": "gemv"}, "should be gemm, but is 'gemv'"),
        ({}, {"quant_method": "bitsandbytes"}, "quant_method should be gptq or awq"),
        ({}, AWQ, r"part qweight should be \(256, 12\), but is \(32, 96\)"),
        ({"qzeros": None}, GPTQ, "part qzeros should be .* but is absent"),
        ({"scales": torch.zeros(2, 96, dtype=torch.int32)}, GPTQ, "part scales should be"),
        ({"qweight": torch.zeros(32, 96)}, GPTQ, "part qweight should be"),
        ({"qweight": torch.zeros(32, 96, dtype=torch.float64)}, GPTQ, "of type F64"),
        ({}, {**GPTQ, "group_size": 96}, "cannot have groups of 96"),
    ],
)
def test_odd_packing_is_refused(
    changes: Mapping[str, torch.Tensor | None], config: dict[str, object], message: str, tmp_path: Path
) -> None:
    parts = {k: v for k, v in {**gptq_parts(draw(128)), **changes}.items() if v is not None}
    with pytest.raises(BadModelFile, match=message):
        matrix_of(packed_folder(tmp_path, parts, config))


def test_packed_matrices_need_a_configuration(tmp_path: Path) -> None:
    weights = packed_folder(tmp_path, gptq_parts(draw(128)), {})
    config = json.loads((tmp_path / "config.json").read_text())
    del config["quantization_config"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    weights = CheckpointWeights.open(Checkpoint.open(tmp_path))
    with pytest.raises(BadModelFile, match="no quantization_config"):
        matrix_of(weights)


@pytest.mark.parametrize(
    ("dtype", "shape", "message"),
    [
        (torch.float32, (96, 255), "should be 96 x 256, but is 96 x 255"),
        (torch.float32, (96 * 256,), "should be 96 x 256, but is 24576"),
        (torch.float8_e4m3fn, (96, 256), "of type F8_E4M3, but chatterm reads F32, F16, BF16"),
        (torch.int8, (96, 256), "of type I8"),
    ],
)
def test_plain_tensors_are_checked(
    dtype: torch.dtype, shape: tuple[int, ...], message: str, tmp_path: Path
) -> None:
    weights = packed_folder(tmp_path, {"weight": torch.zeros(shape).to(dtype)}, GPTQ)
    with pytest.raises(BadModelFile, match=message):
        weights.matrix("blk.0.ffn_gate.weight", (96, 256))
    with pytest.raises(BadModelFile, match=r"no tensor 'blk\.0\.ffn_up\.weight'"):
        weights.matrix("blk.0.ffn_up.weight", (96, 256))


def pack_model(folder: Path, method: str) -> Any:
    """Write a tiny llama whose layers' products are packed; return transformers' model of the same values."""
    _, model = tiny_model("llama", hidden_size=128, intermediate_size=256, num_attention_heads=4)
    rng = np.random.default_rng(0)
    tensors: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        for name, module in model.named_modules():
            if not isinstance(module, torch.nn.Linear) or name == "lm_head":
                continue
            rows, columns = module.weight.shape
            codes, zeros = rng.integers(0, 16, (rows, columns)), rng.integers(6, 10, (rows, columns // 64))
            scales = (rng.uniform(0.5, 1.5, zeros.shape) * 0.3 / columns**0.5).astype(np.float16)
            shifts = (scales.astype(np.float32) * zeros).astype(np.float16).astype(np.float32)
            values = np.repeat(scales.astype(np.float32), 64, 1) * codes - np.repeat(shifts, 64, 1)
            module.weight.copy_(torch.from_numpy(values))
            drawn = Drawn(codes, zeros, scales)
            parts = awq_parts(drawn) if method == "awq" else gptq_parts(drawn, columns=columns)
            tensors |= {f"{name}.{part}": value.contiguous() for part, value in parts.items()}
    packed = {name.rpartition(".")[0] for name in tensors}
    tensors |= {k: v for k, v in model.state_dict().items() if k.rpartition(".")[0] not in packed}
    model.save_pretrained(folder)
    save_file(tensors, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {**(AWQ if method == "awq" else GPTQ), "group_size": 64}
    (folder / "config.json").write_text(json.dumps(config))
    return model


@pytest.mark.parametrize("method", ["gptq", "awq"])
def test_a_packed_model_gives_the_logits_of_its_values(method: str, tmp_path: Path) -> None:
    model = pack_model(tmp_path, method)
    assert_close(logits_of(load(tmp_path)), oracle(model))
    packed = load(tmp_path, placement=Placement.best_for(torch.device("cpu")))
    assert relative_error(logits_of(packed), oracle(model)) < 0.03


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("target", [None, BlockType.Q8_0, BlockType.Q4_1])
def test_as_it_runs_it_stays_near_the_reference(
    family: str, target: BlockType | None, tmp_path: Path
) -> None:
    _, model = tiny_model(family)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.bfloat16())
    model.to(torch.bfloat16).save_pretrained(tmp_path)
    expected = logits_of(load(tmp_path, target))
    found = logits_of(load(tmp_path, target, Placement.best_for(torch.device("cpu"))))
    # bf16 activations and scales, in attention that is sharp on purpose.
    assert relative_error(found, expected) < 0.04
