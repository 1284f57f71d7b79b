"""SettingsScreen: every setting with its value and where that comes from, and the keys of every action."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from chatterm.config import KEY_TABLE
from chatterm.tui import settings
from chatterm.tui.calls import called
from chatterm.tui.foreign import one_line
from chatterm.tui.key_map import Action, actions, checked_keymap, clashes
from chatterm.tui.keys import keymap_of
from chatterm.tui.screens.dialogs import LineDialog
from chatterm.tui.settings import Setting, SettingsSource

_FIRST = ("theme", "lang", "emergency_number", "model", "enter_sends", "screen_reader", "temperature")
"""Asked for most; the others follow in the order of Config."""

_KEY_HINT = "Keys as ctrl+g, f5, alt+up; several separated by commas. Empty: its own again."


class SettingsScreen(ModalScreen[Mapping[str, str] | None]):
    """Changes are written into config.toml at once. Returns the remapped keys where they were changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close the settings", show=False, id="settings.close"),
    ]

    def __init__(self, source: SettingsSource) -> None:
        super().__init__()
        self._source = source
        self._list = OptionList(markup=False, compact=True)
        self._detail = Static(classes="hint")
        self._settings: dict[str, Setting] = {}
        self._actions: dict[str, Action] = {}
        self._keymap: Mapping[str, str] | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide") as box:
            box.border_title = "Settings"
            box.border_subtitle = "Enter changes, Esc closes"
            yield self._list
            yield self._detail

    async def on_mount(self) -> None:
        await self._read()
        self._list.focus()
        self._list.action_first()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        kind, _, name = (event.option.id or "").partition(" ")
        told = settings.meanings().get(name, "") if kind == "setting" else f"{name} in [keys]"
        self._detail.update(Content(f"{one_line(told)}\n{one_line(str(self._source.path))}"))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        kind, _, name = (event.option.id or "").partition(" ")
        if kind == "setting":
            self._change(name)
        else:
            self._change_keys(name)

    def action_close(self) -> None:
        self.dismiss(self._keymap)

    @work
    async def _change(self, key: str) -> None:
        before = self._settings[key]
        shown = "" if before.value is None or before.origin == "default" else _text(before.value)
        themes = self.app.available_themes
        hint = settings.meanings().get(key, "") + " Empty: the default."
        if key == "theme":
            hint = f"One of: {', '.join(sorted(themes))}."
        check = partial(settings.check_value, key, themes=themes)
        text = await self.app.push_screen_wait(LineDialog(key, shown, hint=hint, check=check))
        if text is None:
            return
        await called(self, settings.save, self._source, key, settings.check_value(key, text, themes))
        await self._read()
        after = self._settings[key]
        if key == "theme":
            self.app.theme = str(after.value)
        self.notify(one_line(settings.effect_of(key, after.origin)), markup=False)

    @work
    async def _change_keys(self, action: str) -> None:
        one = self._actions[action]
        dialog = LineDialog(
            one.meaning, ",".join(one.keys), hint=_KEY_HINT, check=partial(_check_keys, action)
        )
        keys = await self.app.push_screen_wait(dialog)
        if keys is None:
            return
        keymap = await called(self, settings.save_keys, self._source, action, keys)
        if keymap is None:
            return
        self.app.set_keymap(keymap)
        self._keymap = keymap
        await self._read()
        told = [clash for clash in clashes(keymap) if action in clash]
        self.notify(one_line(" · ".join(told) or "Saved."), markup=False)

    async def _read(self) -> None:
        """Show what is in force, with the cursor where it is."""
        found = await called(self, settings.settings_in_force, self._source)
        config = await called(self, self._source.load)
        if found is None or config is None:
            return
        self._settings = {one.key: one for one in found}
        self._actions = {one.id: one for one in actions(keymap_of(config)) if one.id}
        at = self._list.highlighted
        self._list.set_options(_options(list(self._settings.values()), list(self._actions.values())))
        self._list.highlighted = at


def _options(found: Sequence[Setting], keys: Sequence[Action]) -> list[Option]:
    order = {key: number for number, key in enumerate(_FIRST)}
    sorted_ = sorted(found, key=lambda one: order.get(one.key, len(order)))
    rows = [Option(_row(one), id=f"setting {one.key}") for one in sorted_]
    heading = Option(Content.styled(f"\nKeys, the table [{KEY_TABLE}]", "bold"), disabled=True)
    return [*rows, heading, *(Option(_key_row(one), id=f"keys {one.id}") for one in keys)]


def _row(one: Setting) -> Content:
    value = "–" if one.value is None else _text(one.value)
    return Content.assemble(
        (f"{one.key:<20}", "bold"), f"{one_line(value, 60):<30} ", one_line(one.origin, 60)
    )


def _key_row(one: Action) -> Content:
    return Content.assemble((f"{one.shown_keys:<20}", "bold"), f"{one.meaning} ", one.id or "")


def _text(value: object) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _check_keys(action: str, keys: str) -> None:
    if keys.strip():
        checked_keymap({action: keys})
