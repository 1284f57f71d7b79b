"""Builds small GGUF models: a random Llama, and a scripted one whose reply is known to the byte.

Both follow llama.cpp's conventions: tokenizer `gpt2` with the split rules of `smollm`, ChatML, and the
rows of attn_q and attn_k in the order of interleaved rope (`permute_rows` gives it). Written by the
`gguf` package, so that what chatterm reads was made by somebody else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType, GGUFWriter, TokenType, quants

MetadataValue = str | int | float | list[str]
Array = npt.NDArray[np.float32]

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CONTROL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
END_ID = 2
"""Of `<|im_end|>`, the end token. `<|im_start|>` is 1 and opens; `<|endoftext|>` is 0, for unknown ones."""
MERGES = ("Ġ t", "Ġ a", "h e", "i n", "r e", "o n", "Ġt he", "e r", "a t", "Ġ s", "in g", "o u", "Ġ w", "l l")
FILE_TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "BF16": 32}
"""`general.file_type` of llama.cpp (`enum llama_ftype`) for the block types used here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyLlama:
    """The shape of a random model. Widths are multiples of 32, the block of the quantised types."""

    num_layers: int = 2
    embedding: int = 64
    num_heads: int = 4
    num_kv_heads: int = 2
    feed_forward: int = 128
    context_length: int = 512
    vocab_size: int = 320
    """At least 273: the control tokens, 256 bytes and what the merges make; the rest is unused tokens."""
    block_type: str = "Q4_0"
    """Of every matrix; the norms are F32."""
    embedding_type: str | None = None
    """Of token_embd and output; None: as the other matrices."""
    is_tied: bool = True
    rope_theta: float = 10_000.0
    chat_template: str | None = CHATML
    name: str = "Tiny Llama"
    seed: int = 0


def tiny_gguf(
    path: Path, spec: TinyLlama | None = None, extra: Mapping[str, MetadataValue] | None = None
) -> Path:
    """Write a model of random weights, always the same for a spec; `extra` adds or replaces metadata keys."""
    spec = spec or TinyLlama()
    writer = _start(path, spec, padded_tokens(spec.vocab_size))
    for key, value in (extra or {}).items():
        _add(writer, key, value)
    _add_random_tensors(writer, spec)
    return finish(writer, path)


def scripted_gguf(
    path: Path,
    reply: str,
    *,
    is_endless: bool = False,
    context_length: int = 8192,
    chat_template: str | None = CHATML,
    name: str = "Scripted",
) -> Path:
    """Write a model that answers every prompt with `reply` (empty, or 2 bytes and more) and its end token.

    A Markov chain: each piece of the reply is a token of its own with a code of +1 and -1; layers add
    nothing (zero attn_output and ffn_down), so the head, whose row of a token is the code of the one
    before it, scores 256 for the successor and at most about 90 for any other: no temperature up to
    2 changes the reply. All other tokens share one code, and lead to the first piece. Pieces are cut
    between bytes, so they may break characters. Endless: the last piece leads to the first.
    """
    pieces = _distinct_pieces(reply.encode())
    base = [*_base_tokens(), *_merged_tokens()]
    num_used = len(base) + len(pieces)
    spec = TinyLlama(
        num_layers=1, embedding=256, feed_forward=256, context_length=context_length, is_tied=False,
        vocab_size=-(-num_used // 32) * 32, chat_template=chat_template, name=name,
    )  # fmt: skip
    tokens = base + [(_spell(piece), TokenType.NORMAL) for piece in pieces]
    writer = _start(path, spec, _pad(tokens, spec.vocab_size))
    first, last = len(base), num_used - 1
    rng = np.random.default_rng(0)
    codes = rng.choice(np.array([-1, 1], dtype=np.float32), size=(spec.vocab_size, spec.embedding))
    codes[:first] = codes[0]
    head = np.zeros_like(codes)
    successors = [*range(first, num_used), first if is_endless and pieces else END_ID]
    for before, after in zip([0, *range(first, last + 1)], successors, strict=True):
        head[after] += codes[before]
    _add_scripted_tensors(writer, spec, codes, head)
    return finish(writer, path)


def permute_rows(weights: Array, num_heads: int) -> Array:
    """Reorder (heads x head_dim, in) from half-split rope, as in transformers, to interleaved, as in GGUF."""
    num_rows, num_columns = weights.shape
    halves = weights.reshape(num_heads, 2, num_rows // num_heads // 2, num_columns)
    return halves.swapaxes(1, 2).reshape(num_rows, num_columns)


def byte_letters() -> list[str]:
    """Return the letter that stands for each byte in a byte-level vocabulary (GPT-2's table)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


def _spell(raw: bytes) -> str:
    letters = byte_letters()
    return "".join(letters[byte] for byte in raw)


def _base_tokens() -> list[tuple[str, TokenType]]:
    controls = [(token, TokenType.CONTROL) for token in CONTROL_TOKENS]
    return controls + [(letter, TokenType.NORMAL) for letter in byte_letters()]


def _merged_tokens() -> list[tuple[str, TokenType]]:
    return [(merge.replace(" ", ""), TokenType.NORMAL) for merge in MERGES]


def _pad(tokens: list[tuple[str, TokenType]], size: int) -> list[tuple[str, TokenType]]:
    assert len(tokens) <= size, f"a vocabulary of {size} is too small for {len(tokens)} tokens"
    return tokens + [(f"[UNUSED{n}]", TokenType.UNUSED) for n in range(len(tokens), size)]


def padded_tokens(size: int) -> list[tuple[str, TokenType]]:
    return _pad([*_base_tokens(), *_merged_tokens()], size)


def _distinct_pieces(raw: bytes) -> list[bytes]:
    """Cut into pieces that are all different and no tokens already; short ones, to make many deltas."""
    assert len(raw) != 1, "one byte is a token already, which could not be told from the prompt's"
    used = {merge.replace(" ", "").replace("Ġ", " ").encode() for merge in MERGES}
    pieces: list[bytes] = []
    start = 0
    while start < len(raw):
        end = start + 2
        while end < len(raw) and raw[start:end] in used:
            end += 1
        piece = raw[start:end]
        while pieces and (len(piece) < 2 or piece in used):
            piece = pieces.pop() + piece
        used.add(piece)
        pieces.append(piece)
        start = end
    return pieces


def _start(path: Path, spec: TinyLlama, tokens: list[tuple[str, TokenType]]) -> GGUFWriter:
    writer = GGUFWriter(path, "llama")
    writer.add_name(spec.name)
    writer.add_file_type(FILE_TYPES[spec.block_type])
    writer.add_quantization_version(2)
    writer.add_block_count(spec.num_layers)
    writer.add_context_length(spec.context_length)
    writer.add_embedding_length(spec.embedding)
    writer.add_feed_forward_length(spec.feed_forward)
    writer.add_head_count(spec.num_heads)
    writer.add_head_count_kv(spec.num_kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(spec.rope_theta)
    writer.add_rope_dimension_count(spec.embedding // spec.num_heads)
    writer.add_vocab_size(spec.vocab_size)
    add_tokenizer(writer, tokens, spec.chat_template)
    return writer


def add_tokenizer(writer: GGUFWriter, tokens: list[tuple[str, TokenType]], template: str | None) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([text for text, _ in tokens])
    writer.add_token_types([kind for _, kind in tokens])
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(END_ID)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(END_ID)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    if template is not None:
        writer.add_chat_template(template)


def _add(writer: GGUFWriter, key: str, value: MetadataValue) -> None:
    if isinstance(value, str):
        writer.add_string(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    else:
        writer.add_array(key, value)


def _matrix_shapes(spec: TinyLlama) -> dict[str, tuple[int, int]]:
    kv = spec.embedding // spec.num_heads * spec.num_kv_heads
    return {
        "attn_q": (spec.embedding, spec.embedding),
        "attn_k": (kv, spec.embedding),
        "attn_v": (kv, spec.embedding),
        "attn_output": (spec.embedding, spec.embedding),
        "ffn_gate": (spec.feed_forward, spec.embedding),
        "ffn_up": (spec.feed_forward, spec.embedding),
        "ffn_down": (spec.embedding, spec.feed_forward),
    }


def _add_random_tensors(writer: GGUFWriter, spec: TinyLlama) -> None:
    rng = np.random.default_rng(spec.seed)

    def draw(rows: int, columns: int) -> Array:
        return rng.standard_normal((rows, columns), dtype=np.float32) / np.float32(np.sqrt(columns))

    def norm() -> Array:
        return np.float32(1) + rng.standard_normal(spec.embedding, dtype=np.float32) / np.float32(10)

    embedding_type = spec.embedding_type or spec.block_type
    add_tensor(writer, "token_embd.weight", draw(spec.vocab_size, spec.embedding), embedding_type)
    for layer in range(spec.num_layers):
        for name, shape in _matrix_shapes(spec).items():
            add_tensor(writer, f"blk.{layer}.{name}.weight", draw(*shape), spec.block_type)
        for name in ("attn_norm", "ffn_norm"):
            add_tensor(writer, f"blk.{layer}.{name}.weight", norm(), "F32")
    add_tensor(writer, "output_norm.weight", norm(), "F32")
    if not spec.is_tied:
        add_tensor(writer, "output.weight", draw(spec.vocab_size, spec.embedding), embedding_type)


def _add_scripted_tensors(writer: GGUFWriter, spec: TinyLlama, codes: Array, head: Array) -> None:
    ones = np.ones(spec.embedding, dtype=np.float32)
    add_tensor(writer, "token_embd.weight", codes, "F32")
    for name, shape in _matrix_shapes(spec).items():
        add_tensor(writer, f"blk.0.{name}.weight", np.zeros(shape, dtype=np.float32), spec.block_type)
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        add_tensor(writer, f"{name}.weight", ones, "F32")
    add_tensor(writer, "output.weight", head, "F32")


def add_tensor(writer: GGUFWriter, name: str, values: Array, block_type: str) -> None:
    kind = GGMLQuantizationType[block_type]
    writer.add_tensor(name, quants.quantize(values, kind), raw_dtype=kind)


def finish(writer: GGUFWriter, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
