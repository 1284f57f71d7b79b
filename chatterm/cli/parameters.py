"""Parameters that several commands have: what they are called and what help says of them, each once."""

from typing import Annotated

import typer

Id = Annotated[str, typer.Argument(metavar="ID", help="The start of its id will do.")]

Model = Annotated[
    str | None,
    typer.Option("-m", "--model", help="A model's name, or the path of a .gguf file or model folder."),
]
Device = Annotated[str | None, typer.Option(help="cuda, mps or cpu.")]
Threads = Annotated[int | None, typer.Option(help="CPU threads.")]
Ctx = Annotated[int | None, typer.Option(help="Context length in tokens.")]
Quantize = Annotated[
    str | None, typer.Option(metavar="int4|int8", help="Quantise plain weights as they are loaded.")
]
Offline = Annotated[bool, typer.Option("--offline", help="Fetch nothing.")]
