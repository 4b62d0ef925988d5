"""``rocksync completion``: what a shell needs to complete commands."""

import importlib

import click

from rocksync.cli.output import json_option, print_json

_CLASSES = {"bash": "BashComplete", "zsh": "ZshComplete"}


@click.command()
@click.argument("shell", type=click.Choice(sorted(_CLASSES)))
@json_option
def completion(shell: str, as_json: bool) -> None:
    """Print the completion script of SHELL: eval "$(rocksync completion bash)" in ~/.bashrc, or zsh in ~/.zshrc."""
    main = importlib.import_module("rocksync.cli.main")
    made = getattr(importlib.import_module("click.shell_completion"), _CLASSES[shell])
    completer = made(main.cli, {}, "rocksync", main.COMPLETION_VARIABLE)
    # not `source()` of bash's: it starts a bash to look at its version, and there may be none here
    script = completer.source_template % completer.source_vars()
    if as_json:
        print_json({"shell": shell, "script": script})
    else:
        click.echo(script)
