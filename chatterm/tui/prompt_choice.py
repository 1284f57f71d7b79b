"""From the library to the composer: a prompt is chosen, and shapes the draft that is there."""

from typing import TYPE_CHECKING

from textual.screen import Screen

from chatterm.conversation import ModelCard
from chatterm.tui.parts import AppParts
from chatterm.tui.widgets.composer_area import ComposerArea

if TYPE_CHECKING:
    from chatterm.tui.prompt_filling import Chosen


def choose_prompt(screen: Screen[None], parts: AppParts, card: ModelCard | None, name: str = "") -> None:
    """Open the library over `screen`, at the form of the prompt called `name` where one is given.

    What is chosen goes into the composer's draft; where nothing more is needed it is sent.
    """
    # Imported when it is asked for: opening the app does without.
    from chatterm.tui.screens.library import LibraryScreen

    library = parts.prompts
    if library is None:
        screen.notify("there is no prompt library here", markup=False, severity="warning")
        return

    area = screen.query_one(ComposerArea)

    def use(chosen: "Chosen | None") -> None:
        if chosen is None:
            return
        area.show_draft(chosen.draft)
        area.composer.focus()
        if chosen.is_complete:
            area.run_worker(area.send())

    browser = LibraryScreen(library, area.draft, card=card, lang=parts.lang, name=name)
    screen.app.push_screen(browser, use)
