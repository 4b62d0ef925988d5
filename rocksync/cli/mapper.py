"""``rocksync mapper``: the clients' mappers, before and while they are used."""

import contextlib
import importlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from rocksync.cli.lazy import LazyGroup
from rocksync.cli.output import has_colours, json_option, print_json, print_lines, print_table, print_text, printable
from rocksync.cli.parameters import SettingType, as_settings, slug_argument
from rocksync.cli.running import DONE, FAILED, run
from rocksync.domain.errors import MisuseError
from rocksync.settings import Settings

if TYPE_CHECKING:
    from rocksync.cli.previews import Preview
    from rocksync.mapping.mapper import Mappers

_WIDTH = 100

mapper = LazyGroup(
    name="mapper",
    help="List, begin, check and preview mappers: files of mappers.dir, and installed packages.",
    commands={
        "list": ("rocksync.cli.mapper:list_mappers", "List the mappers, and what is wrong with them."),
        "new": ("rocksync.cli.mapper:new", "Write a first version of a mapper."),
        "check": ("rocksync.cli.mapper:check", "Try a mapper on samples of every kind of item."),
        "preview": ("rocksync.cli.mapper:preview", "Show what a mapper would change for a tenant."),
    },
)


@click.command("list")
@json_option
def list_mappers(as_json: bool) -> None:
    """List the mappers with their hooks and faults. Exit code 1 if one has a fault."""

    async def body(settings: Settings) -> int:
        async with _opened(settings) as mappers:
            listed, faults = mappers.listing(), mappers.faults()
        code = FAILED if any(fault.name for fault in faults) else DONE
        if as_json:
            print_json(
                {
                    "mappers": [
                        {
                            "name": each.name,
                            "file": each.file,
                            "digest": each.digest or None,
                            "hooks": each.hooks,
                            "fault": str(each.fault) if each.fault else None,
                        }
                        for each in listed
                    ],
                    "faults": [{"name": fault.name, "detail": str(fault)} for fault in faults],
                }
            )
            return code
        print_table(
            ("MAPPER", "FILE", "VERSION", "HOOKS"),
            [
                (each.name, each.file, each.digest or "-", [hook.removeprefix("rocksync_") for hook in each.hooks])
                for each in listed
            ],
            none=f"no mappers in {settings.mappers.dir}: rocksync mapper new NAME",
        )
        for fault in faults:
            print_text(f"{fault.name}: {fault}" if fault.name else str(fault), err=True)
        return code

    run(body)


@click.command()
@click.argument("name")
@json_option
def new(name: str, as_json: bool) -> None:
    """Write a first version of mapper NAME, which passes every check, into mappers.dir."""
    template = importlib.import_module("rocksync.mapping.template")

    async def body(settings: Settings) -> int:
        try:
            source = template.new_mapper_source(name)
        except ValueError as error:
            raise MisuseError(str(error)) from None
        folder = settings.mappers.dir
        taken = [each for each in (folder / f"{name}.py", folder / name) if each.exists()]
        if taken:
            raise MisuseError(f"{taken[0]} is there already")
        path = folder / f"{name}.py"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(source)
        except OSError as error:
            raise MisuseError(f"{path} cannot be written ({error.strerror})") from None
        if as_json:
            print_json({"name": name, "file": str(path)})
        else:
            click.echo(f"{path} is written; next: rocksync mapper check {name}")
        return DONE

    run(body)


@click.command()
@click.argument("name")
@click.option(
    "--setting", "settings_given", multiple=True, type=SettingType(), help="A tenant's name=value to try with."
)
@json_option
def check(name: str, settings_given: Sequence[tuple[str, Any]], as_json: bool) -> None:
    """Try mapper NAME on samples of every kind of item, as it is on disk. Exit code 1 if something blocks."""
    checking = importlib.import_module("rocksync.mapping.checking")

    async def body(settings: Settings) -> int:
        async with _opened(settings) as mappers:
            if mappers.source(name) is None:
                raise MisuseError(
                    f"there is no mapper {name} in {settings.mappers.dir}: `rocksync mapper list` lists them"
                )
            found = await checking.check(mappers, name, as_settings(settings_given))
        blocks = any(each.blocks for each in found)
        if as_json:
            findings = [
                {"file": each.file, "line": each.line, "detail": each.detail, "blocks": each.blocks} for each in found
            ]
            print_json({"name": name, "sound": not blocks, "findings": findings})
            return FAILED if blocks else DONE
        for each in found:
            print_text(str(each) if each.blocks else f"{each} (no fault)")
        click.echo(f"mapper {name} {'must not be used like this' if blocks else 'is sound'}")
        return FAILED if blocks else DONE

    run(body)


@click.command()
@click.argument("name")
@slug_argument
@click.argument("skus", metavar="[SKU]...", nargs=-1)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Products, if no SKU is given.")
@json_option
def preview(name: str, slug: str, skus: Sequence[str], limit: int, as_json: bool) -> None:
    """Show what Plugg.to would get of tenant SLUG with mapper NAME, against what it last accepted. Writes nothing.

    The tenant's other mappers run too. Exit code 1 if items would be set aside by a mapper.
    """
    app = importlib.import_module("rocksync.app")
    previews = importlib.import_module("rocksync.cli.previews")

    async def body(settings: Settings) -> int:
        async with (
            app.open_database(settings) as database,
            _opened(settings) as mappers,
        ):
            found: Preview = await previews.preview(database.pool, mappers, name, slug, list(skus), limit=limit)
        if as_json:
            print_json(previews.as_json(found))
        else:
            _print(found)
        return FAILED if any(each.is_set_aside for each in found.items) else DONE

    run(body)


@contextlib.asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator["Mappers"]:
    """The mappers, loaded. What is wrong with any of them commands tell; the log tells it with --debug only."""
    mapping = importlib.import_module("rocksync.mapping.mapper")
    log = logging.getLogger("rocksync.mapping")
    before, log.disabled = log.disabled, not log.isEnabledFor(logging.DEBUG)
    try:
        async with mapping.open_mappers(settings.mappers.dir, deadline_s=settings.mappers.deadline_s) as mappers:
            yield mappers
    finally:
        log.disabled = before


def _print(found: "Preview") -> None:
    print_text(f"tenant {found.slug} with {', '.join(found.mappers) or 'no mapper'}:")
    for each in found.items:
        if each.refusal is not None:
            print_text(f"{each.kind} {each.key}")
            print_lines([f"{each.reason}: {each.refusal}"], indent="  ! ")
        elif each.differences:
            print_text(f"{each.kind} {each.key}" + ("" if each.is_accepted else " (not at Plugg.to yet)"))
            for one in each.differences:
                _print_difference(one.path, one.before, one.after)
    changed = sum(1 for each in found.items if each.differences)
    set_aside = sum(1 for each in found.items if each.refusal is not None)
    click.echo(f"{len(found.items)} items: {changed} would be sent, {set_aside} not sent")


def _print_difference(path: str, before: object, after: object) -> None:
    for sign, value, colour in (("-", before, "red"), ("+", after, "green")):
        if value is None:
            continue
        text = printable(f"  {sign} {path}: {value}")
        text = text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
        click.echo(click.style(text, fg=colour) if has_colours() else text)
