"""Says what a file that is no model looks like, by its first bytes: weights never come as pickles."""

GGUF_MAGIC = b"GGUF"

_PICKLE_HINT = "chatterm never loads pickles, because they can run code; use a GGUF or safetensors file"
_STARTS = (
    (
        b"PK\x03\x04",
        f"a zip archive (PyTorch's .bin and .pt files are such archives of pickles); {_PICKLE_HINT}",
    ),
    (b"\x80", f"a Python pickle; {_PICKLE_HINT}"),
    (b"lmgg", "the old GGML format; look for a GGUF file of the model"),
    (b"fmgg", "the old GGMF format; look for a GGUF file of the model"),
    (b"tjgg", "the old GGJT format; look for a GGUF file of the model"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"version https://git-lfs", "a Git LFS pointer, not the model; run `git lfs pull` beside it"),
    (b"<!DOCTYPE", "a web page; download the model again"),
    (b"<html", "a web page; download the model again"),
)


def describe_stranger(head: bytes) -> str:
    """Return what a file starting with `head` (16 bytes or more where it has them) is taken for."""
    for start, description in _STARTS:
        if head.lower().startswith(start.lower()):
            return f"it looks like {description}"
    if head[8:10] == b'{"' or head[8:9] == b"{":
        return "it looks like a safetensors file; name the folder that holds it and the model's config.json"
    return f"it is not a GGUF file (it starts with {head[:4]!r}, expected {GGUF_MAGIC!r}); use a GGUF file"
