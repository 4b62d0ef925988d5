"""``rocksync demo``: an embedded Postgres, a sandbox, three tenants, and the worker over them."""

import asyncio
import contextlib
import fcntl
import os
import random
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO, TypeAlias

from rich.console import Console
from rich.live import Live

from rocksync.app import App, counting, database_server, new_metrics, open_app, watched
from rocksync.demo.display import live_table, plain_line, refused_table, summary, summary_table
from rocksync.demo.hub import DemoHub, demo_hub
from rocksync.demo.live import live
from rocksync.demo.loading import Tenancy, onboard, wipe
from rocksync.demo.marketplace import Marketplace
from rocksync.demo.once import Once, Result
from rocksync.demo.pasting import line_to_paste
from rocksync.demo.progress import Progress, read_progress
from rocksync.demo.shop import Shop
from rocksync.demo.stores import SEED, Store, demo_stores
from rocksync.domain.errors import MisuseError, SettingsError
from rocksync.domain.tenancy import Credentials
from rocksync.settings import Database, Schedule, Settings
from rocksync.telemetry.logs import set_up_logs
from rocksync.telemetry.metrics import Metrics

_LATENCY_S = 0.03
_REQUESTS_PER_SECOND = 200.0
_INTERVALS = Schedule(
    product=timedelta(seconds=20),
    price=timedelta(seconds=20),
    stock=timedelta(seconds=15),
    order=timedelta(seconds=10),
)
_DRAIN_S = 5.0
_OUR_MAPPERS = Path(__file__).parents[2] / "mappers"
_LINE_EVERY_S = 3.0
_LOOK_S = 0.5
_LOG_FILE = "demo.log"
_MOST_LISTED = 40
_PIPE_WIDTH = 120


async def run_demo(settings: Settings, *, once: bool, out: TextIO) -> Result | None:
    """Run the demo and return how it ended; without *once*, until Ctrl-C, None.

    It keeps to ``demo`` in the data folder and starts afresh each time: no other database is touched, whatever the
    settings say. Raises: SettingsError, MisuseError.
    """
    folder = settings.data_dir / "demo"
    console = Console(file=out, width=None if out.isatty() else _PIPE_WIDTH)
    with _alone(folder), _stopping() as stop, _logging_to(folder / _LOG_FILE, settings.log.level):
        async with demo_hub(latency_s=_LATENCY_S, seed=SEED) as hub:
            mine = _settings(settings, folder, hub)
            async with database_server(mine) as dsn:
                await wipe(dsn)
                metrics = new_metrics(mine)
                async with open_app(mine, counting(metrics)) as app, _watched(app, metrics) as watch:
                    return await _Demo(app=app, hub=hub, watch=watch, console=console, stop=stop).run(once=once)


def _settings(settings: Settings, folder: Path, hub: DemoHub) -> Settings:
    """The settings given, for a database and a hub of the demo's own, and at a pace that can be watched."""
    pluggto = replace(
        settings.pluggto,
        base_url=hub.url,
        requests_per_second_per_tenant=max(settings.pluggto.requests_per_second_per_tenant, _REQUESTS_PER_SECOND),
    )
    return replace(
        settings,
        data_dir=folder,
        database=Database(),
        pluggto=pluggto,
        schedule=_INTERVALS,
        worker=replace(settings.worker, drain_s=min(settings.worker.drain_s, _DRAIN_S)),
        mappers=replace(settings.mappers, dir=_mappers_folder(settings.mappers.dir)),
    )


def _mappers_folder(given: Path) -> Path:
    """The folder given if the stores' mappers are there, else the one that came with this code.

    Raises: SettingsError if they are in neither place.
    """
    wanted = {f"{name}.py" for store in demo_stores() for name in store.mappers}
    for folder in (given, _OUR_MAPPERS):
        if all((folder / name).is_file() for name in wanted):
            return folder
    raise SettingsError(f"mappers.dir {given} lacks {', '.join(sorted(wanted))}: set it to the folder that has them")


@contextlib.asynccontextmanager
async def _watched(app: App, metrics: Metrics) -> AsyncIterator[str]:
    """Serve metrics and health at the port of the settings, or if that is taken at any, and yield the URL."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(watched(app.settings, app.database, metrics))
        except SettingsError:
            elsewhere = replace(app.settings, http=replace(app.settings.http, port=0))
            url = await stack.enter_async_context(watched(elsewhere, app.database, metrics))
        yield url


@dataclass(frozen=True, slots=True, kw_only=True)
class _Demo:
    """One run, with everything open. ``watch`` is the URL of metrics, health and notifications."""

    app: App
    hub: DemoHub
    watch: str
    console: Console
    stop: asyncio.Event

    async def run(self, *, once: bool) -> Result | None:
        stores = demo_stores()
        tenancies = [await self._open(store) for store in stores]
        self._greet(stores, once=once)
        rng = random.Random(SEED)  # noqa: S311 (repeatable, not secret)
        shops = [Shop(self.app.database.pool, tenancy, rng) for tenancy in tenancies]
        markets = [Marketplace(self.hub, tenancy, rng) for tenancy in tenancies]
        async with self._working():
            if once:
                return await self._once(shops, markets)
            await self._live(shops, markets, rng)
        return None

    async def _open(self, store: Store) -> Tenancy:
        """Onboard one store here and at the hub, with credentials that nobody ever sees."""
        credentials = Credentials(
            client_id=f"client-{store.slug}",
            client_secret=secrets.token_urlsafe(24),
            api_user=f"user-{store.slug}",
            api_secret=secrets.token_urlsafe(24),
        )
        account = await self.hub.register(credentials, f"{self.watch}/notifications/pluggto")
        tenant = await onboard(self.app.database.pool, store, credentials, store.modes)
        return Tenancy(store=store, tenant=tenant, account=account)

    @contextlib.asynccontextmanager
    async def _working(self) -> AsyncIterator[None]:
        """Keep the worker at work; if it breaks, the demo does."""
        halt = asyncio.Event()
        body = asyncio.current_task()
        worker = asyncio.create_task(self.app.run(halt))

        def broke(task: "asyncio.Task[None]") -> None:
            if not halt.is_set() and not task.cancelled() and body is not None:
                body.cancel()

        worker.add_done_callback(broke)
        try:
            yield
        finally:
            halt.set()
            await worker

    async def _once(self, shops: Sequence[Shop], markets: Sequence[Marketplace]) -> Result:
        slugs = [shop.tenancy.store.slug for shop in shops]
        with _shown(self.console, slugs) as show:
            result = await Once(
                app=self.app,
                hub=self.hub,
                shops=shops,
                markets=markets,
                stop=self.stop,
                say=lambda text: self.console.print(f"  {text}", highlight=False),
                show=show,
            ).run()
        self._sum_up(result)
        return result

    async def _live(self, shops: Sequence[Shop], markets: Sequence[Marketplace], rng: random.Random) -> None:
        slugs = [shop.tenancy.store.slug for shop in shops]
        people = asyncio.create_task(live(shops, markets, rng))
        try:
            with _shown(self.console, slugs) as show:
                while not self.stop.is_set():
                    show(await read_progress(self.app.database.pool))
                    if people.done():
                        people.result()
                    await _pause(self.stop, _LOOK_S)
        finally:
            people.cancel()
            await asyncio.gather(people, return_exceptions=True)

    def _greet(self, stores: Sequence[Store], *, once: bool) -> None:
        settings = self.app.settings
        there = {
            "ROCKSYNC_DATA_DIR": str(settings.data_dir.absolute()),
            "ROCKSYNC_PLUGGTO__BASE_URL": self.hub.url,
            "ROCKSYNC_MAPPERS__DIR": str(settings.mappers.dir.absolute()),
        }
        lines = (
            *(f"tenant    {each.slug}: {len(each.catalogue.skus)} SKUs, {', '.join(each.mappers)}" for each in stores),
            f"metrics   {self.watch}/metrics, /healthz, /readyz",
            f"sandbox   {self.hub.url}/_sandbox/status",
            f"log       {settings.data_dir / _LOG_FILE}",
            *(() if once else ("end it    Ctrl-C",)),
            "look in   paste this line into another terminal, then type: rocksync status",
            line_to_paste(there, Path(sys.executable)),
            "",
        )
        for line in lines:
            self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _sum_up(self, result: Result) -> None:
        if result.progress.kinds:
            self.console.print(summary_table(summary(result.progress, result.skus), result.skus))
        if result.refused:
            self.console.print(refused_table(result.refused))
        if not result.missing:
            self.console.print("Plugg.to holds what the stores hold: all delivered", highlight=False)
            return
        self.console.print(f"not delivered: {len(result.missing)}", highlight=False)
        for line in result.missing[:_MOST_LISTED]:
            self.console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)


_Show: TypeAlias = Callable[[Progress], None]


@contextlib.contextmanager
def _shown(console: Console, slugs: Sequence[str]) -> Iterator[_Show]:
    """Show progress: as a table that stays in place, or where there is no terminal as a line now and then."""
    if not console.is_terminal:
        yield _Lines(console, slugs)
        return
    with Live(console=console, auto_refresh=False, transient=False) as screen:
        yield lambda progress: screen.update(live_table(progress, slugs), refresh=True)


@dataclass(slots=True)
class _Lines:
    """Progress as plain lines, a few seconds apart."""

    console: Console
    slugs: Sequence[str]
    next_at: float = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now >= self.next_at:
            self.next_at = now + _LINE_EVERY_S
            stamp = datetime.now().astimezone().strftime("%H:%M:%S")
            self.console.print(f"{stamp} {plain_line(progress, self.slugs)}", highlight=False, soft_wrap=True)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold *folder* for this demo.

    Raises: MisuseError if another demo has it; SettingsError if it cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "demo.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SettingsError(f"data_dir {folder} cannot be written ({error.strerror}): set another data_dir") from error
    try:
        _lock(lock, folder)
        yield
    finally:
        os.close(lock)


def _lock(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise MisuseError(
            f"a demo is running in {folder} already: end it, or set ROCKSYNC_DATA_DIR to another folder"
        ) from None


@contextlib.contextmanager
def _logging_to(file: Path, level: str) -> Iterator[None]:
    """Keep logs out of the picture: they go to *file* meanwhile."""
    with file.open("a", encoding="utf-8") as opened:
        set_up_logs(level, "json", opened)
        try:
            yield
        finally:
            set_up_logs("error", None)


@contextlib.contextmanager
def _stopping() -> Iterator[asyncio.Event]:
    """An event that is set by Ctrl-C or SIGTERM; the second one breaks off."""
    stop, loop, body = asyncio.Event(), asyncio.get_running_loop(), asyncio.current_task()

    def asked() -> None:
        if stop.is_set() and body is not None:
            body.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
