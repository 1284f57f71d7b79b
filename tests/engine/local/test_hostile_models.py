"""Model files that lie: whatever they hold, one clear error or an answer, within 2 s and 200 MB."""

import collections
import math
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from chatterm.engine.local.engine import LocalEngine
from chatterm.engine.local.text.tokenizer import Tokenizer
from chatterm.errors import GenerationFailed
from chatterm.models.gguf import GGUFFile
from tests.engine.contract import ask, run, text_of
from tests.support.family_gguf import family_gguf
from tests.support.folder_mutations import Folder, hostile_folders
from tests.support.gguf_files import TinyLlama, tiny_gguf
from tests.support.gguf_mutations import Parts, hostile_files
from tests.support.model_folders import family_folder
from tests.support.model_probe import ModelProbe
from tests.support.tiny_models import tiny_model

_FAMILIES = ("gemma3", "qwen3", "phi3", "granite")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def probe(folder: Path) -> Iterator[ModelProbe]:
    with ModelProbe(folder / "cache") as probe:
        # What the machine needs is compiled for the first model, and what its template does is tried out.
        assert probe.probe(_small(folder, "Q4_0")).outcome == "answered"
        yield probe


def _small(folder: Path, block_type: str) -> Path:
    return tiny_gguf(
        folder / f"{block_type}.gguf", TinyLlama(num_layers=1, vocab_size=288, block_type=block_type)
    )


def _of_family(folder: Path, family: str) -> Path:
    sizes = {"num_hidden_layers": 1, "intermediate_size": 64}
    config, model = tiny_model(family, **sizes)
    return family_gguf(folder / f"{family}.gguf", family, config, model)


@pytest.fixture(scope="module")
def bases(folder: Path, probe: ModelProbe) -> list[Parts]:
    """Sound files, and each answers: what is refused below is refused for its change."""
    makers: list[Callable[[], Path]] = [
        lambda: _small(folder, "Q4_0"),
        lambda: _small(folder, "Q8_0"),
        *(lambda family=family: _of_family(folder, family) for family in _FAMILIES),
    ]
    parts = []
    for make in makers:
        path = make()
        assert probe.check(path).outcome == "answered", path
        parts.append(Parts.read(path))
        path.write_bytes(parts[-1].file())
        assert probe.check(path).outcome == "answered", "taken apart and put together again"
    return parts


def check_many(bases: list[Parts], probe: ModelProbe, path: Path, count: int) -> collections.Counter[str]:
    """Probe so many files; return how often each outcome came."""
    outcomes: collections.Counter[str] = collections.Counter()

    @settings(max_examples=count, suppress_health_check=list(HealthCheck), deadline=None)
    @given(raw=hostile_files(bases))
    def check(raw: bytes) -> None:
        path.write_bytes(raw)
        outcomes[probe.check(path).outcome] += 1

    check()
    return outcomes


def test_150_hostile_files_crash_nothing(bases: list[Parts], probe: ModelProbe, tmp_path: Path) -> None:
    outcomes = check_many(bases, probe, tmp_path / "model.gguf", 150)
    assert outcomes["BadModelFile"] > 75
    assert outcomes["answered"] > 5, "some changes are harmless, and those files are loaded and asked"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # it would hide what failed
def test_10_000_hostile_files_crash_nothing(bases: list[Parts], probe: ModelProbe, tmp_path: Path) -> None:
    outcomes = check_many(bases, probe, tmp_path / "model.gguf", 10_000)
    assert outcomes["GenerationFailed"] > 10, "weights that are NaN get as far as that"


def check_many_folders(probe: ModelProbe, folder: Path, count: int) -> collections.Counter[str]:
    """Probe a folder with so many changes; return how often each outcome came."""
    family_folder(folder, num_hidden_layers=1, intermediate_size=64)
    assert probe.check(folder).outcome == "answered"
    base = Folder.read(folder)
    outcomes: collections.Counter[str] = collections.Counter()

    @settings(max_examples=count, suppress_health_check=list(HealthCheck), deadline=None)
    @given(changed=hostile_folders(base))
    def check(changed: dict[str, bytes | None]) -> None:
        base.write(folder, changed)
        outcomes[probe.check(folder).outcome] += 1

    check()
    return outcomes


def test_60_hostile_folders_crash_nothing(probe: ModelProbe, tmp_path: Path) -> None:
    outcomes = check_many_folders(probe, tmp_path / "model", 60)
    assert outcomes["BadModelFile"] > 15
    assert outcomes["answered"] > 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_3_000_hostile_folders_crash_nothing(probe: ModelProbe, tmp_path: Path) -> None:
    check_many_folders(probe, tmp_path / "model", 3_000)


def test_numbers_that_are_not_finite_end_one_reply_and_no_more(tmp_path: Path) -> None:
    """The letter z is NaN to the model: who says it gets an error, the next question its answer."""
    spec = TinyLlama(embedding_type="F32", is_tied=False)
    path = tiny_gguf(tmp_path / "nan.gguf", spec)
    with GGUFFile.open(path) as file:
        table = file.tensors["token_embd.weight"]
        tokenizer = Tokenizer.from_metadata(file.metadata)
    (token_id,) = tokenizer.encode_text("z")
    row_bytes = table.num_bytes // table.shape[0]
    with path.open("r+b") as raw:
        raw.seek(table.offset + token_id * row_bytes)
        raw.write(struct.pack("<f", math.nan) * (row_bytes // 4))
    with closing(LocalEngine.open(path, name="nan", num_threads=1)) as engine:
        before = text_of(run(engine, ask("Well?")))
        for text in ("Wellz?", "z"):
            with pytest.raises(GenerationFailed, match=r"NaN or infinite.*chatterm models verify"):
                run(engine, ask(text))
            with pytest.raises(GenerationFailed):
                run(engine, ask("Well?"), ask(text))
            assert text_of(run(engine, ask("Well?"))) == before
            with pytest.raises(GenerationFailed):
                engine.score(ask(text).messages, ["a", "b"])
        assert len(engine.score(ask("Well?").messages, ["a", "b"])) == 2
