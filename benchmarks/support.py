"""How often the lines a statement rests on are found, and how often a false one is said to rest on some.

    python benchmarks/support.py [--verbose] [--tune]

The statements were written by hand (benchmarks/support_set.py). `found`: the statements for which a place was
found: recall where they are true, a mistake where they are false. `first line` and `any line`: the true ones
whose first place, or one of up to three, has the line that says it. `foreign`: every true one held against
the texts of other kinds. Bounds and rules were chosen while looking at the slips of the first set; the
fresh one (benchmarks/support_fresh.py) was written afterwards.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks import support_fresh, support_set
from benchmarks.measuring import write_table
from benchmarks.support_set import FalseOne, TrueOne
from chatterm.checks.support import Bounds, Citer, Support

_LICENSES = ("apache", "gpl", "mpl", "cc0", "artistic")
"""They say alike things, so that none is foreign to another."""

Citers = dict[str, Citer]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--verbose", action="store_true", help="print every slip")
    parser.add_argument("--tune", action="store_true", help="compare bounds; write nothing")
    options = parser.parse_args()
    if options.tune:
        _tune()
        return
    rows = [_row(name, _measure(name, Bounds(), is_verbose=options.verbose)) for name in _SETS]
    facts = {"command": "python benchmarks/support.py", **_speed()}
    write_table("support", "Lines that statements rest on", rows, rows, facts)


_SETS = {"first": (support_set.TRUE, support_set.FALSE), "fresh": (support_fresh.TRUE, support_fresh.FALSE)}


def texts() -> dict[str, str]:
    """Return the texts of both sets by name, as far as the machine has them."""
    files = {name: path for name, path in support_fresh.FILES.items() if path.is_file()}
    read = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
    return {**support_set.texts(), **read, "letter": support_fresh.LETTER}


def _tune() -> None:
    for words, with_numbers, apart in product((0.45, 0.5, 0.55, 0.6, 0.65), (0.2, 0.3, 0.4), (0.3, 0.4, 0.5)):
        bounds = Bounds(words=words, with_numbers=with_numbers, apart=apart)
        print(words, with_numbers, apart, _row("first", _measure("first", bounds)))


Counts = dict[str, list[bool]]


def _measure(name: str, bounds: Bounds, *, is_verbose: bool = False) -> Counts:
    citers = {name: Citer([text], bounds) for name, text in texts().items()}
    true = [one for one in _SETS[name][0] if one.text in citers]
    false = [one for one in _SETS[name][1] if one.text in citers]
    counts: Counts = {}
    for one in true:
        _count_true(one, citers[one.text].cite(one.statement), counts, is_verbose=is_verbose)
        for other in _foreign(one, citers):
            found = citers[other].cite(one.statement)
            counts.setdefault("foreign", []).append(found.is_supported)
            if is_verbose and found.is_supported:
                print("FOREIGN", other, one.statement, "->", found.how, found.evidence[0].text)
    _count_false(false, citers, counts, is_verbose=is_verbose)
    return counts


def _foreign(one: TrueOne, citers: Citers) -> list[str]:
    kin = _LICENSES if one.text in _LICENSES else (one.text,)
    return [name for name in citers if name not in kin]


def _count_true(one: TrueOne, found: Support, counts: Counts, *, is_verbose: bool) -> None:
    text = texts()[one.text]
    place = text.find(one.anchor)
    if place < 0:
        raise SystemExit(f"{one.text} has no {one.anchor!r}; mend benchmarks/support_set.py")
    line = text.count("\n", 0, place) + 1
    hits = [place.first_line <= line <= place.last_line for place in found.evidence]
    counts.setdefault("true", []).append(found.is_supported)
    if found.is_supported:
        counts.setdefault("first line", []).append(hits[0])
        counts.setdefault("any line", []).append(any(hits))
        counts.setdefault("num lines", []).extend(
            [True] * (found.evidence[0].last_line - found.evidence[0].first_line + 1)
        )
    if is_verbose and not (found.is_supported and hits[0]):
        print(
            "TRUE",
            one.text,
            line,
            one.statement,
            "->",
            found.how,
            [(e.first_line, e.last_line) for e in found.evidence],
        )


def _count_false(false: Sequence[FalseOne], citers: Citers, counts: Counts, *, is_verbose: bool) -> None:
    for one in false:
        found = citers[one.text].cite(one.statement)
        counts.setdefault("false", []).append(found.is_supported)
        counts.setdefault(f"false: {one.sort}", []).append(found.is_supported)
        if is_verbose and found.is_supported:
            print("FALSE", one.sort, one.statement, "->", found.how, found.evidence[0])


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
        "lines of the first place": f"{len(counts['num lines']) / max(1, num_true):.1f}",
        "false found": share("false"),
        **{
            name: share(name) for name in ("false: number", "false: word", "false: denied", "false: invented")
        },
        "foreign found": share("foreign"),
        "precision": f"{num_true / max(1, num_true + num_false):.2f}",
        "recall": f"{num_true / len(counts['true']):.2f}",
    }


def _speed() -> dict[str, str]:
    """Return what a text of 2 MB takes, all its indexes and a statement."""
    text = "".join(texts().values())
    text = (text * (2_000_000 // len(text) + 1))[:2_000_000]
    start = time.perf_counter()
    citer = Citer([text])
    citer.cite("Section 1 has an index that is needed.")
    indexed = time.perf_counter()
    for one in support_set.TRUE:
        citer.cite(one.statement)
    each = (time.perf_counter() - indexed) / len(support_set.TRUE)
    return {"2 MB indexed": f"{indexed - start:.1f} s", "a statement in them": f"{1000 * each:.0f} ms"}


if __name__ == "__main__":
    main()
