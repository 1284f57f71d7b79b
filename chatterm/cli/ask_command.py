"""The options of `chatterm ask`. What they do is in `ask`."""

from pathlib import Path
from typing import Annotated

import typer

from chatterm.cli import completion, inputs
from chatterm.cli.parameters import Ctx, Device, Model, Offline, Quantize, Threads


def ask(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[QUESTION]...", help="The question; needs no quotes.")
    ] = None,
    model: Model = None,
    prompt: Annotated[
        str | None,
        typer.Option(
            *("-p", "--prompt", "-t", "--template"),
            help="A prompt of the library, or a file.",
            autocompletion=completion.prompt_names,
        ),
    ] = None,
    var: Annotated[
        list[str] | None, typer.Option("-v", "--var", metavar="KEY=VALUE", help="An input of that prompt.")
    ] = None,
    lang: Annotated[
        str | None,
        typer.Option(
            help="Language of the prompt and the reply: en or zh.", autocompletion=completion.languages
        ),
    ] = None,
    system: Annotated[
        str,
        typer.Option("-s", "--system", help="A system message; with -p it stands after the prompt's own."),
    ] = "",
    file: Annotated[
        list[Path] | None,
        typer.Option(
            "-f", "--file", help="A document, a folder, or a glob in quotes; - is standard input. Repeatable."
        ),
    ] = None,
    continues: Annotated[
        bool, typer.Option("-c", "--continue", help="Go on with the last conversation.")
    ] = False,
    cid: Annotated[
        str | None,
        typer.Option("--cid", metavar="ID", help="Go on with this one; the start of its id will do."),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("-o", "--option", metavar="KEY=VALUE", help="A sampling option by ollama's name."),
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="0 is greedy; at most 2.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Likeliest tokens reaching this probability.")] = None,
    top_k: Annotated[int | None, typer.Option(help="So many of the likeliest tokens; 0 is off.")] = None,
    min_p: Annotated[float | None, typer.Option(help="Tokens of this share of the likeliest one.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same reply.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="The reply's limit in tokens.")] = None,
    stop: Annotated[
        list[str] | None, typer.Option(help="End the reply before this text. Repeatable.")
    ] = None,
    each: Annotated[
        str | None,
        typer.Option(
            metavar="UNIT",
            help="Answer for each line, row, paragraph, review, clause, section or page of a document.",
            autocompletion=completion.units,
        ),
    ] = None,
    in_parts: Annotated[
        bool, typer.Option("--in-parts", help="Read a document in parts, even where all of it fits.")
    ] = False,
    partials: Annotated[
        bool,
        typer.Option(
            "--partials", help="What each part of a document gave, before the answer, or in --json."
        ),
    ] = False,
    logprobs: Annotated[
        int | None,
        typer.Option(
            "--logprobs",
            metavar="[K]",
            help="With --json: how likely each token was, and K others that could have come.",
        ),
    ] = None,
    samples: Annotated[
        int,
        typer.Option("-n", "--samples", metavar="N", help="N answers to one prompt; needs a temperature."),
    ] = 1,
    schema: Annotated[
        str | None,
        typer.Option(
            "--schema",
            metavar="FILE|FIELDS",
            help="JSON by a JSON Schema file, or by fields: 'name, age int, bio: a short bio'.",
        ),
    ] = None,
    choices: Annotated[
        str | None,
        typer.Option("--choices", metavar="A,B,C", help="One of these labels, with its probability."),
    ] = None,
    extract: Annotated[
        bool, typer.Option("-x", "--extract", help="Only the first fenced block of the answer.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of the text.")] = False,
    no_stream: Annotated[bool, typer.Option("--no-stream", help="The whole answer at once.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Markdown as text, on a terminal too.")] = False,
    render: Annotated[bool, typer.Option("--render", help="Markdown rendered, in a pipe too.")] = False,
    private: Annotated[
        bool, typer.Option("--private", help="Nothing of this turn is written anywhere.")
    ] = False,
    ctx: Ctx = None,
    device: Device = None,
    threads: Threads = None,
    deterministic: Annotated[
        bool,
        typer.Option(
            "--deterministic", help="The same tokens however it is cached, batched or guessed; slower."
        ),
    ] = False,
    quantize: Quantize = None,
    offline: Offline = False,
    usage: Annotated[bool, typer.Option("-u", "--usage", help="Tokens, times and speeds on stderr.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="The exact messages and their tokens; nothing is generated.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit with 6 where a number, a quote or the schema is not met."),
    ] = False,
    cite: Annotated[
        bool | None,
        typer.Option(
            "--cite/--no-cite", help="Behind each statement the lines of the documents it rests on."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Nothing on stderr but errors.")] = False,
) -> int:
    """Answer one question; piped text and files are read before it.

    Without a question a document is summarised.
    """
    from chatterm.cli import ask as turn
    from chatterm.cli.ask_options import AskOptions

    by_pair, stops = inputs.engine_and_sampling_options(option or [])
    named = {
        "model": model,
        "lang": lang,
        "temperature": temperature,
        "top_p": top_p,
        "top_k": top_k,
        "min_p": min_p,
        "seed": seed,
        "max_tokens": max_tokens,
        "stop": [*stops, *(stop or ())] or None,
        "ctx": ctx,
        "device": device,
        "threads": threads,
        "deterministic": deterministic or None,
        "quantize": quantize,
        "offline": offline or None,
    }
    options = AskOptions(
        words=tuple(words or ()),
        files=tuple(file or ()),
        prompt=prompt,
        values=dict(inputs.pairs(var or [], "-v")),
        system=inputs.clean(system),
        continues=continues,
        conversation=cid,
        is_private=private,
        settings=by_pair | inputs.given(named),
        num_alternatives=logprobs,
        as_json=as_json,
        is_streamed=not no_stream,
        is_rendered=True if render else False if raw else None,
        shows_usage=usage,
        is_dry_run=dry_run,
        is_strict=strict,
        cites=cite,
        is_quiet=quiet,
        choices=choices,
        each=inputs.unit(each) if each is not None else None,
        in_parts=in_parts,
        shows_partials=partials,
        schema=schema,
        num_samples=samples,
        extracts=extract,
    )
    return turn.ask(options)
