"""An engine in a host process: the contract of every engine, and what becomes of it when its process ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from chatterm.conversation import Message
from chatterm.engine import wire
from chatterm.engine.base import CancelToken, SamplingParams, TextDelta
from chatterm.engine.host_pulse import HostLimits
from chatterm.engine.hosted import HostedEngine, open_hosted
from chatterm.engine.registry import EchoModel, EngineOptions
from chatterm.errors import BadModelFile, DoesNotFit, EngineLost, ModelNotFound, UsageError
from chatterm.models.discovery import ModelFile
from tests.engine.contract import EngineContract, ask, ends_of, run, text_of
from tests.support.gguf_files import scripted_gguf
from tests.support.processes import has_process, until_gone

REPLY = "Bridges, tunnels and ferries are three ways over the water — 三条路过水。 The first needs no engine."


class TestHostedEcho(EngineContract):
    @pytest.fixture
    def engine(self, options: EngineOptions) -> Generator[HostedEngine]:
        with closing(open_hosted(EchoModel(), options)) as engine:
            yield engine


class TestHostedLocal(EngineContract):
    @pytest.fixture(scope="class")
    def shared(self, tmp_path_factory: pytest.TempPathFactory) -> Generator[HostedEngine]:
        """Loaded once: importing torch takes a second of each host."""
        folder = tmp_path_factory.mktemp("models")
        model = ModelFile(scripted_gguf(folder / "scripted.gguf", REPLY), "scripted")
        options = EngineOptions(num_threads=1, cache=folder)
        with closing(open_hosted(model, options)) as engine:
            yield engine

    @pytest.fixture
    def engine(self, shared: HostedEngine) -> HostedEngine:
        return shared


SLOW = EchoModel(tokens_per_s=20)
"""Says 40 words in two seconds."""


@pytest.fixture
def slow(options: EngineOptions) -> Generator[HostedEngine]:
    with closing(open_hosted(SLOW, options)) as engine:
        yield engine


def test_its_process_is_a_session_of_its_own_that_no_control_c_reaches(slow: HostedEngine) -> None:
    slow.describe()
    assert os.getsid(slow.host_pid) == os.getpgid(slow.host_pid) == slow.host_pid
    os.kill(slow.host_pid, signal.SIGINT)
    assert text_of(run(slow, ask("one two"))) == "one two"


def test_stopping_acts_within_a_step(options: EngineOptions) -> None:
    with closing(open_hosted(EchoModel(tokens_per_s=2), options)) as engine:
        cancel = CancelToken()
        events = engine.stream([ask()], cancel)
        while not isinstance(next(events), TextDelta):
            pass
        cancel.cancel()
        (end,) = ends_of(list(events))
    assert end.reason == "cancelled"
    assert 1 <= end.usage.output_tokens <= 4, "of 40 in 20 s"


def test_closed_early_the_work_stops_too(slow: HostedEngine) -> None:
    """The echo engine says its script in turn; what is dropped must not go on meanwhile."""
    events = slow.stream([ask()], CancelToken())
    while not isinstance(next(events), TextDelta):
        pass
    events.close()
    assert text_of(run(slow, ask("one"))) == "one"


def test_closed_under_way_a_stream_ends_as_cancelled(slow: HostedEngine) -> None:
    events = slow.stream([ask(num_samples=2), ask()], CancelToken())
    while not isinstance(next(events), TextDelta):
        pass
    slow.close()
    ends = ends_of(list(events))
    assert [(end.request, end.sample, end.reason) for end in ends] == [
        (0, 0, "cancelled"),
        (0, 1, "cancelled"),
        (1, 0, "cancelled"),
    ]
    assert ends[0].usage.output_tokens >= 1
    assert ends[0].usage.input_tokens > 40


def test_closed_it_says_so_and_its_process_is_gone(slow: HostedEngine) -> None:
    slow.describe()
    pid = slow.host_pid
    slow.close()
    assert not has_process(pid)
    assert not slow.is_alive
    assert slow.wait_lost() is None
    for use in (lambda: run(slow, ask()), lambda: slow.count(ask().messages)):
        with pytest.raises(UsageError, match="closed"):
            use()


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (signal.SIGKILL, "killed (SIGKILL), most likely because memory ran out"),
        (signal.SIGBUS, "(SIGBUS), most likely because its model file was changed"),
        (signal.SIGSEGV, "crashed in native code (SIGSEGV)"),
        (signal.SIGTERM, "ended from outside (SIGTERM)"),
    ],
)
def test_a_death_in_mid_reply_is_told_with_its_signal_and_the_likely_cause(
    slow: HostedEngine, capfd: pytest.CaptureFixture[str], number: signal.Signals, told: str
) -> None:
    events = slow.stream([ask()], CancelToken())
    while not isinstance(next(events), TextDelta):
        pass
    os.kill(slow.host_pid, number)
    with pytest.raises(EngineLost) as caught:
        list(events)
    assert told in str(caught.value)
    assert "the engine of echo" in str(caught.value)
    assert "the next question starts it again" in str(caught.value)
    assert slow.was_in_use
    assert str(slow.wait_lost()) == str(caught.value)
    with pytest.raises(EngineLost):
        slow.count(ask().messages)
    assert capfd.readouterr() == ("", ""), "what a dying process says is not for the terminal"


def test_a_death_between_questions_is_found_without_asking(slow: HostedEngine) -> None:
    slow.describe()
    os.kill(slow.host_pid, signal.SIGKILL)
    assert "SIGKILL" in str(slow.wait_lost())
    assert not slow.was_in_use


def test_a_process_that_stands_still_is_ended_and_told(options: EngineOptions) -> None:
    with closing(open_hosted(SLOW, options, HostLimits(silence_s=3))) as engine:
        events = engine.stream([ask()], CancelToken())
        next(events)
        os.kill(engine.host_pid, signal.SIGSTOP)
        with pytest.raises(EngineLost, match="gave no sign of life for 3 s and was ended"):
            list(events)
        assert not has_process(engine.host_pid)


def test_an_engine_that_does_nothing_is_ended_and_told(options: EngineOptions) -> None:
    engine = open_hosted(EchoModel(0.01), options, HostLimits(idle_s=1.5))
    with closing(engine), pytest.raises(EngineLost, match=r"did nothing for 1\.5 s and was ended"):
        run(engine, ask())


def test_who_does_not_stop_is_ended_and_told(options: EngineOptions) -> None:
    with closing(open_hosted(SLOW, options, HostLimits(stop_s=0.3))) as engine:
        cancel = CancelToken()
        events = engine.stream([ask()], cancel)
        next(events)
        os.kill(engine.host_pid, signal.SIGSTOP)
        cancel.cancel()
        with pytest.raises(EngineLost, match=r"did not stop within 0\.3 s and was ended"):
            list(events)


def test_what_loading_raises_is_raised_here_as_it_is(options: EngineOptions, tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + b"\xff" * 100)
    with (
        closing(open_hosted(ModelFile(bad, "bad"), options)) as engine,
        pytest.raises(BadModelFile) as caught,
    ):
        engine.describe()
    assert str(bad) in str(caught.value)
    missing = ModelFile(tmp_path / "none.gguf", "none")
    with closing(open_hosted(missing, options)) as engine, pytest.raises(ModelNotFound, match=r"none\.gguf"):
        engine.describe()


def test_an_error_of_a_call_keeps_its_class_and_numbers(options: EngineOptions) -> None:
    with closing(open_hosted(EchoModel(), replace(options, context_length=5))) as engine:
        with pytest.raises(DoesNotFit) as caught:
            run(engine, ask("one two three four five"))
        assert (caught.value.num_tokens, caught.value.limit) == (7, 4)
        assert text_of(run(engine, ask("one"))) == "one", "an error ends the call, not the engine"


def test_a_process_that_cannot_be_started_is_told(
    options: EngineOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    with pytest.raises(EngineLost, match="could not be started: No such file"):
        open_hosted(EchoModel(), options)


def test_a_process_that_ends_by_itself_is_told_with_what_it_said_last(
    options: EngineOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nprintf 'first\\n\\033[2Jno module\\n' >&2\nexit 3\n")
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))
    with pytest.raises(EngineLost) as caught, closing(open_hosted(EchoModel(), options)) as engine:
        engine.describe()
    assert "(exit code 3: ␛[2Jno module)" in str(caught.value)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request", wire.encode_frame(5), wire.encode_frame([wire.Drop(1)])]
)
def test_a_process_that_speaks_another_language_is_ended_and_told(
    options: EngineOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    script = tmp_path / "python"
    said = f"os.write(int(sys.argv[-2]), {answer!r})"
    script.write_text(f"#!{sys.executable}\nimport os, sys, time\n{said}\ntime.sleep(60)\n")
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))
    with (
        pytest.raises(EngineLost, match="answered nonsense"),
        closing(open_hosted(EchoModel(), options)) as engine,
    ):
        engine.describe()


def test_what_cannot_cross_is_our_own_defect_and_harms_nothing(slow: HostedEngine) -> None:
    with pytest.raises(TypeError, match="cannot cross the wire"):
        slow.count([Message("user", b"bytes")])  # type: ignore[arg-type]  # that is the defect
    assert text_of(run(slow, ask("one"))) == "one"


def test_a_folder_full_of_traps_is_not_where_modules_come_from(
    options: EngineOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "chatterm", "socket"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('trapped')")
    monkeypatch.chdir(tmp_path)
    with closing(open_hosted(EchoModel(), options)) as engine:
        assert engine.describe().name == "echo"


def test_a_long_document_crosses_whole(options: EngineOptions) -> None:
    text = "三条路过水\x00\ud800" * 500_000
    with closing(open_hosted(EchoModel(), options)) as engine:
        assert text_of(run(engine, ask(text))) == text


def test_a_model_that_is_cut_or_removed_while_in_use_answers_or_is_told(
    options: EngineOptions, tmp_path: Path
) -> None:
    path = scripted_gguf(tmp_path / "scripted.gguf", REPLY)
    model = ModelFile(path, "scripted")
    whole = SamplingParams(temperature=0, max_tokens=500)
    with closing(open_hosted(model, options)) as engine:
        assert text_of(run(engine, ask(sampling=whole))) == REPLY
        os.truncate(path, 1000)
        said = said_or_told(engine, whole)
        assert said == REPLY or "SIGBUS" in said
    with closing(open_hosted(model, options)) as engine, pytest.raises(BadModelFile):
        engine.describe()
    path.unlink()
    with closing(open_hosted(model, options)) as engine, pytest.raises(ModelNotFound):
        engine.describe()


def said_or_told(engine: HostedEngine, sampling: SamplingParams) -> str:
    try:
        return text_of(run(engine, ask(sampling=sampling)))
    except EngineLost as error:
        return str(error)


OWNER = """
import sys
from pathlib import Path
from chatterm.conversation import Message
from chatterm.engine.base import CancelToken, GenerationRequest, PrefillProgress, SamplingParams, TextDelta
from chatterm.engine.hosted import open_hosted
from chatterm.engine.registry import EngineOptions
from chatterm.models.discovery import ModelFile

path, cache, phase = sys.argv[1:]
engine = open_hosted(ModelFile(Path(path), "default"), EngineOptions(num_threads=1, cache=Path(cache)))
print(engine.host_pid, flush=True)
if phase != "loading":
    engine.describe()
    text = "one two three " * (700 if phase == "prefill" else 2)
    request = GenerationRequest(messages=(Message("user", text),), sampling=SamplingParams(temperature=0))
    wanted = TextDelta if phase == "decode" else PrefillProgress
    for event in engine.stream([request], CancelToken()):
        if isinstance(event, wanted):
            print("there", flush=True)
else:
    print("there", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("phase", ["loading", "prefill", "decode"])
def test_no_process_outlives_an_app_that_is_killed(
    default_model: Path, options: EngineOptions, phase: str
) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(default_model), str(options.cache), phase],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout
        host_pid = int(owner.stdout.readline())
        assert owner.stdout.readline() == "there\n"
        if phase == "loading":
            time.sleep(0.4)
        assert has_process(host_pid)
        owner.kill()
    until_gone(host_pid)
