"""Config: the user's settings, read once, frozen, with where each came from; and the paths chatterm uses.

A value comes from the command line, else a `CHATTERM_*` variable, else config.toml, else its default. This
module reads the last three; the front ends pass options along. It does not know what a model or a device is.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from chatterm.errors import ConfigError, UnknownName

PREFIX = "CHATTERM_"
HOME_VARIABLE = "CHATTERM_HOME"

Language = Literal["en", "zh"]
Quantising = Literal["int4", "int8"]


@dataclass(frozen=True, slots=True)
class Paths:
    """Where things live. Nothing is created here; whoever writes makes the folder, with mode 0700."""

    config_file: Path
    prompts: Path
    """The user's own prompts; they win over the shipped ones."""
    database: Path
    models: Path
    logs: Path
    cache: Path
    """Verdicts and prepared forms, never users' text; may be deleted at any time."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Paths":
        """By the XDG variables, or all below CHATTERM_HOME where that is set."""
        config, data, state, cache = _base_folders(environ)
        return cls(
            config_file=config / "config.toml",
            prompts=config / "prompts",
            database=data / "chatterm.db",
            models=data / "models",
            logs=state,
            cache=cache,
        )


def _base_folders(environ: Mapping[str, str]) -> tuple[Path, Path, Path, Path]:
    if own := environ.get(HOME_VARIABLE):
        root = Path(own).expanduser().absolute()
        return root / "config", root / "data", root / "state", root / "cache"
    home = Path(environ.get("HOME") or Path.home())

    def base(variable: str, default: str) -> Path:
        value = environ.get(variable, "")
        # The XDG specification says to ignore a relative path.
        folder = Path(value) if value.startswith("/") else home / default
        return folder / "chatterm"

    return (
        base("XDG_CONFIG_HOME", ".config"),
        base("XDG_DATA_HOME", ".local/share"),
        base("XDG_STATE_HOME", ".local/state"),
        base("XDG_CACHE_HOME", ".cache"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The settings. None leaves the choice to the default's owner: the catalogue, the engine, the prompt."""

    model: str | None = None
    """The model to use: a name of the catalogue, or a path."""
    lang: Language | None = None
    """Language of prompts and notices where nothing else decides."""
    temperature: float | None = None
    """0 is greedy; at most 2."""
    top_p: float | None = None
    """Sample among the likeliest tokens that reach this probability together."""
    top_k: int | None = None
    """Sample among this many of the likeliest tokens; 0 is off."""
    min_p: float | None = None
    """Sample among tokens at least this share of the likeliest one's probability."""
    repeat_penalty: float | None = None
    """Makes what was said lately less likely; 1 is off, 1.1 helps against repetition."""
    repeat_last_n: int | None = None
    """How many tokens the penalties look back on; -1 is all."""
    presence_penalty: float | None = None
    """Taken once from the score of what was said lately; 0 is off."""
    frequency_penalty: float | None = None
    """Taken from it each time it was said; 0 is off."""
    loop_detection: bool | None = None
    """Stop a reply that says the same again and again; unset, it is on."""
    seed: int | None = None
    """Seed of the noise; unset, each reply draws its own and stores it."""
    max_tokens: int | None = None
    """A reply's limit, in tokens."""
    ctx: int | None = None
    """Context length in tokens; unset, the model's own."""
    device: str | None = None
    """`cuda`, `mps` or `cpu`; unset, the best one present."""
    threads: int | None = None
    """CPU threads; unset, the physical cores."""
    quantize: Quantising | None = None
    """`int4` or `int8`: what plain weights become when they are loaded; unset, they stay."""
    kv_cache_mb: int | None = None
    """Memory for what conversations were read into, in MB; unset, a quarter of what is free."""
    prompt_lookup: bool | None = None
    """Guess that a reply repeats the prompt's words, which is faster where it does; unset, it is on."""
    deterministic: bool = False
    """The same tokens however a reply is cached, batched and guessed at; prompts are read more slowly."""
    offline: bool = False
    """Fetch nothing, whatever is missing."""
    emergency_number: str = "112"
    """Named in the notice that medical red flags bring."""
    theme: str = "textual-dark"
    """Colour theme of the app."""
    enter_sends: bool = True
    """Enter sends and Shift+Enter makes a new line; false: the other way round."""
    screen_reader: bool = False
    """Plain labelled lines instead of a full screen."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """An action's id -> its keys, separated by commas; the table `[keys]` of the file."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Key -> where its value came from; a key that is absent has its default."""

    def settings(self) -> Iterator[tuple[str, object, str]]:
        """Yield (key, value, origin) of every setting, in the order of this class."""
        for key in KEYS:
            yield key, getattr(self, key), self.origins.get(key, "default")


KEY_TABLE = "keys"
KEYS = tuple(one.name for one in fields(Config) if one.name not in {"origins", KEY_TABLE})


def _choices(hint: object) -> tuple[str, ...]:
    """Return the texts of a Literal, or of `Literal | None`; none for other types."""
    literals = [part for part in (hint, *get_args(hint)) if get_origin(part) is Literal]
    return get_args(literals[0]) if literals else ()


def _scalar(hint: object) -> type:
    """Return the type behind `X | None`; a Literal is a str."""
    return next((kind for kind in _EXPECTED if kind in (hint, *get_args(hint))), str)


_EXPECTED = {bool: "true or false", float: "a number", int: "a whole number", str: "a text"}
_HINTS = {key: hint for key, hint in get_type_hints(Config).items() if key in KEYS}
_KINDS = {key: _scalar(hint) for key, hint in _HINTS.items()}
_CHOICES = {key: choices for key, hint in _HINTS.items() if (choices := _choices(hint))}


def load_config(environ: Mapping[str, str], paths: Paths) -> Config:
    """Read config.toml and the environment. Raises ConfigError or UnknownName, naming place and key."""
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    for source, found in (_from_file(paths.config_file), _from_environment(environ)):
        values |= found
        origins |= {key: source if source != PREFIX else PREFIX + key.upper() for key in found}
    return Config(**values, origins=origins)  # type: ignore[arg-type]  # checked key by key


def _from_file(path: Path) -> tuple[str, dict[str, object]]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return str(path), {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}; mend or remove the line") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; check its permissions") from error
    found = {key: checked(key, value, str(path)) for key, value in table.items() if key != KEY_TABLE}
    if KEY_TABLE in table:
        found[KEY_TABLE] = _key_table(table[KEY_TABLE], str(path))
    return str(path), found


def as_key_table(table: object, origin: str) -> dict[str, Any]:
    """Return `[keys]`, whatever it holds. Raises ConfigError where it is no table."""
    if not isinstance(table, dict):
        raise ConfigError(f'{origin}: keys must be a table such as [keys] "chat.search" = "f6"')
    return table


def _key_table(table: object, origin: str) -> dict[str, str]:
    """Return `[keys]` with each action's keys as one text. Raises ConfigError."""
    return {action: _key_list(action, keys, origin) for action, keys in as_key_table(table, origin).items()}


def _key_list(action: str, keys: object, origin: str) -> str:
    if isinstance(keys, dict):  # [keys] chat.search = "f6", without quotes around its name
        nested = next(iter(keys), "name")
        raise ConfigError(f'{origin}: write [keys] "{action}.{nested}" with quotes around the name')
    given = keys if isinstance(keys, list) else [keys]
    if not given or not all(isinstance(key, str) and key.strip() for key in given):
        raise ConfigError(f"{origin}: keys.{action} must be a key such as 'f6', or a list, found {keys!r}")
    return ",".join(map(str, given))


def _from_environment(environ: Mapping[str, str]) -> tuple[str, dict[str, object]]:
    own = {name: text for name, text in environ.items() if name.startswith(PREFIX) and name != HOME_VARIABLE}
    found = {name.removeprefix(PREFIX).lower(): text for name, text in own.items()}
    return PREFIX, {key: parsed(key, text, PREFIX + key.upper()) for key, text in found.items()}


def parsed(key: str, text: str, origin: str) -> object:
    """Return the setting `key` from its text, as the environment or a command line has it."""
    kind = _kind(key, origin)
    try:
        value = _SWITCH[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError) as error:
        raise _wrong(key, text, origin) from error
    return checked(key, value, origin)


def checked(key: str, value: object, origin: str) -> object:
    """Return `value` if its type is right for `key`; an integer serves as a float. Raises ConfigError."""
    kind = _kind(key, origin)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or (key in _CHOICES and value not in _CHOICES[key]):
        raise _wrong(key, value, origin)
    return value


_SWITCH = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def _kind(key: str, origin: str) -> type:
    if key not in _KINDS:
        raise UnknownName("setting", key, KEYS, f"(in {origin}); `chatterm config show` lists them")
    return _KINDS[key]


def _wrong(key: str, value: object, origin: str) -> ConfigError:
    expected = " or ".join(f"`{choice}`" for choice in _CHOICES.get(key, ())) or _EXPECTED[_KINDS[key]]
    return ConfigError(f"{origin}: {key} must be {expected}, found {value!r}")
