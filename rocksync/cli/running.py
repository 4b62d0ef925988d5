"""How commands run: settings, logs, the database, and one line for what goes wrong."""

import asyncio
import contextlib
import gc
import getpass
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TextIO

import click

from rocksync import settings as configuration
from rocksync.domain.errors import ItemError, MisuseError, PassError, SettingsError, TenantError

if TYPE_CHECKING:
    from rocksync.cli.access import Access

DONE, FAILED, MISUSE, STOPPED, INTERRUPTED = 0, 1, 2, 3, 130


def run(body: Callable[[configuration.Settings], Coroutine[Any, Any, int | None]], *, at_work: bool = False) -> None:
    """Run *body* with the settings and end the command with the exit code that it returns; None: 0.

    *at_work*: it logs as the settings say; otherwise only what is wrong.
    """
    settings = configuration.load()
    logs = importlib.import_module("rocksync.telemetry.logs")
    is_debugged = click.get_current_context().find_root().params.get("debug")
    level = "debug" if is_debugged else settings.log.level if at_work else "error"
    logs.set_up_logs(level, settings.log.format)
    if at_work:
        collect_seldom()
    with asyncio.Runner(loop_factory=fast_loop() if at_work else None) as runner:
        code = runner.run(body(settings))
    click.get_current_context().exit(code or DONE)


def collect_seldom() -> None:
    """Have the garbage collector look for cycles seldom, and not among what is imported by now.

    Hardly any garbage of a worker has cycles; looking as often as by default took a twentieth of its time.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop of uvloop where the extra ``speed`` is installed; None: the standard one."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return None
    loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return loop


def run_with_access(body: Callable[["Access"], Awaitable[int | None]]) -> None:
    """Run *body* with the database open, as `run` does."""

    async def with_access(settings: configuration.Settings) -> int | None:
        access = importlib.import_module("rocksync.cli.access")
        async with access.opened(settings, operator=operator()) as opened:
            return await body(opened)

    run(with_access)


@contextlib.contextmanager
def stopping() -> Iterator[asyncio.Event]:
    """Yield an event that SIGTERM or Ctrl-C sets; a second one ends the process at once.

    SIGHUP sets it as well, unless it is ignored, as under nohup.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def asked(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, number)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, stop.set)  # a terminal that goes may tell it twice: that is no hurry
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end at once what waits for somebody to type: the loop, which waits as well, would only note it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def operator() -> str:
    """Return who is at work, for the audit table: ``ROCKSYNC_OPERATOR``, else the user's name on this machine."""
    named = os.environ.get("ROCKSYNC_OPERATOR", "").strip()
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def confirmed(question: str) -> bool:
    """Ask on the terminal, or read the answer from standard input; anything but yes is no.

    Raises: MisuseError when standard input is closed.
    """
    if sys.stdin is None:
        raise MisuseError(f"{question} Standard input is closed: give --yes, or write the answer to it")
    with interruptible():
        click.echo(f"{question} [y/N] ", nl=False, err=True)
        answer = sys.stdin.readline().strip().lower()
    if not sys.stdin.isatty():
        click.echo(err=True)
    return answer in {"y", "yes", "s", "sim"}


def guarded(command: Callable[[], object], *, debug: bool) -> int:
    """Run *command* and return the exit code; what it raises is told in one line on standard error."""
    try:
        code = command()
    except (KeyboardInterrupt, click.Abort):
        _tell("rocksync: interrupted")
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as asked:
        _tell(asked.format_message())
        return MISUSE
    except BrokenPipeError:
        _let_go(sys.stdout)
        return FAILED
    except Exception as error:  # noqa: BLE001 # the one place where a command's failures end
        message, code = _told(error)
        told = " ".join([*message.split(), *getattr(error, "__notes__", ())])
        _tell(f"{traceback.format_exc() if debug else ''}rocksync: {told}")
    return code if isinstance(code, int) else DONE


def _tell(text: str) -> None:
    """Say how a command ended; where standard error takes nothing, its exit code alone says so."""
    try:
        click.echo(text, err=True)
    except OSError:
        _let_go(sys.stderr)


def _let_go(stream: TextIO) -> None:
    """Have *stream* lead nowhere: what is left in it must not fail once more when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _told(error: Exception) -> tuple[str, int]:
    match error:
        case click.UsageError():
            where = f" (`{error.ctx.command_path} --help` tells more)" if error.ctx else ""
            return f"{error.format_message()}{where}", MISUSE
        case click.ClickException():
            return error.format_message(), FAILED
        case SettingsError() | MisuseError():
            return str(error), MISUSE
        case TenantError():
            return str(error), STOPPED
        case PassError() | ItemError():
            return str(error), FAILED
        case _:
            redaction = importlib.import_module("rocksync.domain.redaction")
            text = redaction.redact_text(str(error))[:200]
            explanation = importlib.import_module("rocksync.failures").explanation
            caused = None if isinstance(error, OSError) else explanation(error)  # a file's are OSErrors as well
            unexpected = f"unexpected {type(error).__name__}: {text} (`rocksync --debug …` shows where)"
            return str(caused or unexpected), FAILED
