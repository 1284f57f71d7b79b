"""How often the lines a statement rests on are found, and how often a false one is said to rest on some.

    python benchmarks/support.py [--verbose] [--tune]

The statements were written by hand (benchmarks/support_sets/). `found`: the statements for which a place was
found: recall where they are true, a mistake where they are false. `first line` and `any line`: the true ones
whose first place, or one of up to three, has the line that says it. `foreign`: every true one held against
the texts of other kinds. True ones say in other words what a text says; false ones change a fact, deny what
is said, or invent. Bounds and rules were chosen while looking at the slips of the first set; the fresh one
was written afterwards, and looked at once.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Literal, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.measuring import write_table
from chatterm.checks.support import Bounds, Citer, Support

FOLDER = Path(__file__).with_name("support_sets")
"""Sets of statements, and short texts of letters and numbers."""
_LICENSES = Path("/usr/share/common-licenses")
_FILES = {
    "apache": _LICENSES / "Apache-2.0",
    "artistic": _LICENSES / "Artistic",
    "cc0": _LICENSES / "CC0-1.0",
    "gnupg": Path("/usr/share/gnupg/help.zh_CN.txt"),
    "gpl": _LICENSES / "GPL-3",
    "mpl": _LICENSES / "MPL-2.0",
    "systemd": Path("/usr/lib/systemd/catalog/systemd.zh_CN.catalog"),
    "tutor": Path("/usr/share/vim/vim90/tutor/tutor.zh_cn.utf-8"),
}
"""Texts that Debian systems have."""
_ALIKE = ("apache", "gpl", "mpl", "cc0", "artistic")
"""They say alike things, so that none is foreign to another."""
_SETS = ("first", "fresh")


class Statement(NamedTuple):
    """A line of a set."""

    sort: Literal["true", "number", "word", "denied", "invented"]
    """`true`, or what is false of it."""
    text: str
    """The name of the text that it is about."""
    anchor: str
    """Of a true one: stands on the line that it rests on, or on one of them."""
    statement: str


Texts = Mapping[str, str]
Citers = Mapping[str, Citer]
Counts = dict[str, list[int]]
"""0 or 1 for each statement; of `num lines` the number of lines."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--verbose", action="store_true", help="print every slip")
    parser.add_argument("--tune", action="store_true", help="compare bounds; write nothing")
    options = parser.parse_args()
    texts = read_texts()
    if options.tune:
        _tune(texts)
        return
    rows = [
        _row(name, _measure(statements(name), texts, Bounds(), is_verbose=options.verbose)) for name in _SETS
    ]
    facts = {"command": "python benchmarks/support.py", **_speed(texts)}
    write_table("support", "Lines that statements rest on", rows, rows, facts)


def statements(name: str) -> list[Statement]:
    lines = (FOLDER / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    return [Statement(*line.split("\t")) for line in lines]  # type: ignore[arg-type]  # its sorts are these


def read_texts() -> Texts:
    """Return the texts of all sets by name, as far as the machine has them."""
    paths = {**_FILES, **{path.stem: path for path in FOLDER.glob("*.txt")}}
    return {name: path.read_text(encoding="utf-8") for name, path in paths.items() if path.is_file()}


def _tune(texts: Texts) -> None:
    first = statements("first")
    for words, with_numbers, apart in product((0.45, 0.5, 0.55, 0.6, 0.65), (0.2, 0.3, 0.4), (0.3, 0.4, 0.5)):
        bounds = Bounds(words=words, with_numbers=with_numbers, apart=apart)
        print(words, with_numbers, apart, _row("first", _measure(first, texts, bounds)))


def _measure(every: Sequence[Statement], texts: Texts, bounds: Bounds, *, is_verbose: bool = False) -> Counts:
    """Count what is found of the statements whose texts are there."""
    citers = {name: Citer([text], bounds) for name, text in texts.items()}
    counts: Counts = {}
    for one in every:
        if one.text not in citers:
            continue
        found = citers[one.text].cite(one.statement)
        if one.sort == "true":
            slips = [*_count_true(one, found, texts[one.text], counts), *_count_foreign(one, citers, counts)]
        else:
            slips = list(_count_false(one, found, counts))
        if is_verbose:
            print(*slips, sep="\n", end="\n" if slips else "")
    return counts


def _count(counts: Counts, name: str, value: int) -> None:
    counts.setdefault(name, []).append(value)


def _count_true(one: Statement, found: Support, text: str, counts: Counts) -> Iterator[str]:
    """Yield a slip as it is told."""
    place = text.find(one.anchor)
    if place < 0:
        raise SystemExit(f"{one.text} has no {one.anchor!r}; mend {FOLDER}")
    line = text.count("\n", 0, place) + 1
    hits = [place.first_line <= line <= place.last_line for place in found.evidence]
    _count(counts, "true", found.is_supported)
    if found.is_supported:
        _count(counts, "first line", hits[0])
        _count(counts, "any line", any(hits))
        _count(counts, "num lines", found.evidence[0].last_line - found.evidence[0].first_line + 1)
    if not (found.is_supported and hits[0]):
        places = [(place.first_line, place.last_line) for place in found.evidence]
        yield f"TRUE {one.text} {line} {one.statement} -> {found.how} {places}"


def _count_foreign(one: Statement, citers: Citers, counts: Counts) -> Iterator[str]:
    kin = _ALIKE if one.text in _ALIKE else (one.text,)
    for name in citers.keys() - set(kin):
        found = citers[name].cite(one.statement)
        _count(counts, "foreign", found.is_supported)
        if found.is_supported:
            yield f"FOREIGN {name} {one.statement} -> {found.how} {found.evidence[0].text}"


def _count_false(one: Statement, found: Support, counts: Counts) -> Iterator[str]:
    _count(counts, "false", found.is_supported)
    _count(counts, f"false: {one.sort}", found.is_supported)
    if found.is_supported:
        yield f"FALSE {one.sort} {one.statement} -> {found.how} {found.evidence[0]}"


def _row(half: str, counts: Counts) -> dict[str, str]:
    def share(name: str) -> str:
        hits = counts.get(name, [])
        return f"{sum(hits)}/{len(hits)}"

    num_true, num_false = sum(counts["true"]), sum(counts["false"])
    return {
        "statements": half,
        "true found": share("true"),
        "first line": share("first line"),
        "any line": share("any line"),
        "lines of the first place": f"{sum(counts['num lines']) / max(1, num_true):.1f}",
        "false found": share("false"),
        **{
            name: share(name) for name in ("false: number", "false: word", "false: denied", "false: invented")
        },
        "foreign found": share("foreign"),
        "precision": f"{num_true / max(1, num_true + num_false):.2f}",
        "recall": f"{num_true / len(counts['true']):.2f}",
    }


def _speed(texts: Texts) -> dict[str, str]:
    """Return what a text of 2 MB takes, all its indexes and a statement."""
    text = "".join(texts.values())
    text = (text * (2_000_000 // len(text) + 1))[:2_000_000]
    start = time.perf_counter()
    citer = Citer([text])
    citer.cite("Section 1 has an index that is needed.")
    indexed = time.perf_counter()
    true = [one.statement for one in statements("first") if one.sort == "true"]
    for statement in true:
        citer.cite(statement)
    each = (time.perf_counter() - indexed) / len(true)
    return {"2 MB indexed": f"{indexed - start:.1f} s", "a statement in them": f"{1000 * each:.0f} ms"}


if __name__ == "__main__":
    main()
