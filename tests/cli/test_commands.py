"""The commands beside `ask`: lists, shows, checks; for people and as JSON."""

import json
import subprocess
from pathlib import Path

import pytest

from chatterm.config import KEYS
from tests.support.chatterm_process import COMMAND, run_chatterm
from tests.support.gguf_files import TinyLlama, tiny_gguf


@pytest.fixture
def models(home: Path) -> Path:
    folder = home / "data" / "models"
    folder.mkdir(parents=True)
    return folder


def test_version_and_help_answer() -> None:
    assert run_chatterm("--version").out.startswith("chatterm ")
    shown = run_chatterm("--help")
    assert shown.code == 0
    assert all(name in shown.out for name in ("ask", "models", "prompts", "history", "config", "doctor"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["aks"], ["'aks'", "'ask'"]),
        (["models", "lst"], ["'lst'", "'list'"]),
        (["models", "pull", "smollm3"], ["'smollm3'", "'smollm2'"]),
        (["prompts", "show", "sumarize"], ["'sumarize'", "summarize"]),
        (["history", "show", "zzzz"], ["zzzz", "history list"]),
    ],
)
def test_an_unknown_name_brings_the_nearest(arguments: list[str], words: list[str]) -> None:
    ended = run_chatterm(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert all(word in ended.err for word in words), ended.err


def test_models_are_listed_with_what_is_here(models: Path) -> None:
    tiny_gguf(models / "mine.gguf")
    rows = {row["name"]: row for row in json.loads(run_chatterm("models", "list", "--json").out)}
    assert rows["mine"]["state"] == "here"
    assert rows["smollm2-135m"]["state"] == "can be fetched"
    assert rows["smollm2-135m"]["default"] is True
    assert "mine" in run_chatterm("models", "list").out


def test_another_default_is_kept_in_the_configuration(models: Path, home: Path) -> None:
    tiny_gguf(models / "mine.gguf")
    config = home / "config" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("# my settings\ntop_k = 5\n", encoding="utf-8")
    assert run_chatterm("models", "default").out == "smollm2-135m\n"
    assert run_chatterm("models", "default", "mine").code == 0
    assert run_chatterm("models", "default").out == "mine\n"
    assert config.read_text(encoding="utf-8") == '# my settings\ntop_k = 5\nmodel = "mine"\n'
    assert run_chatterm("models", "default", "nine").code == 2


def test_a_model_is_shown_with_what_stays_packed(tmp_path: Path) -> None:
    spec = TinyLlama(block_type="Q4_1", embedding_type="Q8_0", embedding=256, vocab_size=4096)
    path = tiny_gguf(tmp_path / "m.gguf", spec)
    fields = json.loads(run_chatterm("models", "show", str(path), "--json").out)
    assert fields["architecture"] == "llama"
    weights = {line.split(":")[0]: line for line in fields["weights"]}
    assert weights["Q4_1"].endswith("packed")
    assert weights["F32"].endswith("not quantised")
    assert fields["fits"] == "yes"


def test_verifying_tells_sound_from_broken(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "m.gguf")
    ended = run_chatterm("models", "verify", str(path))
    assert ended.code == 0
    assert "sound" in ended.out
    path.write_bytes(path.read_bytes()[:-64])
    ended = run_chatterm("models", "verify", str(path))
    assert ended.code == 4
    assert "not sound" in ended.out


def test_pulling_what_is_here_fetches_nothing(models: Path, default_model: Path) -> None:
    (models / default_model.name).symlink_to(default_model)
    ended = run_chatterm("models", "pull", "smollm2")
    assert ended.code == 0
    assert ended.out == f"{models / default_model.name}\n"
    assert "fetching" not in ended.err
    assert run_chatterm("models", "verify").code == 0


def test_prompts_are_listed_shown_and_checked() -> None:
    rows = json.loads(run_chatterm("prompts", "list", "--json").out)
    domains = {row["id"].partition("/")[0] for row in rows}
    assert {"medical", "legal", "finance", "education", "general"} <= domains
    assert "general/summarize" in run_chatterm("prompts", "list", "summar").out
    shown = run_chatterm("prompts", "show", "summarize", "--lang", "zh").out
    assert "概括" in shown
    assert "Summarize the text" not in shown
    assert run_chatterm("prompts", "show", "summarize", "--raw").out.startswith("---\n")
    checked = run_chatterm("prompts", "check")
    assert checked.code == 0, checked.out
    found = {line.partition("[")[0] for line in checked.out.splitlines() if line[:1].islower()}
    assert found <= {"info"}, checked.out


def test_a_broken_prompt_breaks_only_itself(home: Path) -> None:
    folder = home / "config" / "prompts" / "general"
    folder.mkdir(parents=True)
    (folder / "mine.md").write_text("---\nchatterm: 1\ntitel: x\n---\n@@ user\nhi\n", encoding="utf-8")
    assert "broken" in run_chatterm("prompts", "list", "general/mine").out
    ended = run_chatterm("prompts", "check")
    assert ended.code == 1
    assert "'titel'" in ended.out
    assert "mine.md:3:1" in ended.out
    assert "mine.md:3:1" in run_chatterm("prompts", "check", str(home / "config" / "prompts")).out
    ended = run_chatterm("ask", "-m", "echo", "-p", "general/mine", "x")
    assert (ended.code, ended.out) == (2, "")
    assert run_chatterm("ask", "-m", "echo", "x").code == 0


def test_an_own_prompt_wins_over_a_shipped_one(home: Path) -> None:
    shipped = run_chatterm("prompts", "show", "assistant/chat", "--raw").out
    folder = home / "config" / "prompts" / "assistant"
    folder.mkdir(parents=True)
    own = shipped.replace("You are a helpful assistant.", "You are a parrot.")
    (folder / "chat.md").write_text(own, encoding="utf-8")
    assert "You are a parrot." in run_chatterm("ask", "-m", "echo", "--dry-run", "x").out
    rows = json.loads(run_chatterm("prompts", "list", "--json", "assistant/chat").out)
    assert sorted(row["origin"] for row in rows) == ["shipped, shadowed", "yours, changed"]


def test_history_lists_and_shows_what_was_said() -> None:
    run_chatterm("ask", "-m", "echo", "first \x1b[1m question")
    run_chatterm("ask", "-m", "echo", "second")
    rows = json.loads(run_chatterm("history", "list", "--json").out)
    assert [row["title"] for row in rows] == ["second", "first \x1b[1m question"]
    assert len(run_chatterm("history", "list", "-n", "1").out.splitlines()) == 1
    shown = run_chatterm("history", "show", rows[1]["id"][:6])
    assert shown.out.count("first \u241b[1m question") == 2
    assert "\x1b" not in shown.out + run_chatterm("history", "list").out
    messages = json.loads(run_chatterm("history", "show", "--json", rows[1]["id"]).out)["messages"]
    assert messages[-1]["reply"]["engine"] == "echo"


def test_settings_are_shown_with_their_origin(home: Path) -> None:
    ended = run_chatterm("config", "show", "--json", environ={"CHATTERM_TOP_K": "3"})
    rows = {row["setting"]: row for row in json.loads(ended.out)}
    assert set(rows) == set(KEYS)
    assert rows["top_k"] == {"setting": "top_k", "value": 3, "from": "CHATTERM_TOP_K"}
    assert run_chatterm("config", "path").out == f"{home / 'config' / 'config.toml'}\n"


def test_doctor_says_what_is_wrong_and_exits_1(home: Path) -> None:
    environ = {"HF_HUB_OFFLINE": "0", "CHATTERM_DEVICE": "cpu"}
    rows = {row["about"]: row for row in json.loads(run_chatterm("doctor", "--json", environ=environ).out)}
    assert all(row["is_well"] for row in rows.values()), rows
    assert rows["device"]["found"].startswith("cpu")
    (home / "data").mkdir(parents=True, exist_ok=True)
    (home / "data" / "chatterm.db").write_bytes(b"no database at all" * 100)
    ended = run_chatterm("doctor", environ=environ)
    assert ended.code == 1
    assert "WRONG" in ended.out
    assert "chatterm.db" in ended.out


def test_the_app_without_a_terminal_names_ask() -> None:
    ended = run_chatterm("-m", "echo")
    assert (ended.code, ended.out) == (2, "")
    assert "terminal" in ended.err
    assert "chatterm ask" in ended.err


def test_a_listing_to_a_reader_that_goes_away_is_quiet() -> None:
    script = f"{' '.join(COMMAND)} config show | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode in {0, 141}
    assert done.stderr == ""


def test_a_defect_shows_its_traceback_only_when_asked(home: Path) -> None:
    ended = run_chatterm("--debug", "ask", "-m", "./no.gguf", "x")
    assert ended.code == 4
    assert "Traceback" in ended.err
