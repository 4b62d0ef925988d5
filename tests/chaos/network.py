"""Rounds against what lies between: a hub that cannot be found, one that cannot be trusted, one that is away."""

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.chaos.arena import Arena, Server, Worker, arena
from tests.chaos.shopkeeper import Shopkeeper, busy
from tests.chaos.storm import Outcome, conclude, settle
from tests.chaos.verdict import OWN_FAULTS

NOWHERE = "https://hub.invalid"
"""A name that no resolver may ever find (RFC 2606)."""
TRUSTED = "trusted"
UNTRUSTED = ("unknown authority", "expired", "another name", "not yet valid", "no TLS", "hangs up", "old TLS")
_DAY = timedelta(days=1)
_LONGEST_BACKOFF_S = 900.0


async def names_fail(server: Server, seed: int) -> Outcome:
    """The hub's name is not found, then it is: nothing is blamed, and everything arrives."""
    outcome = Outcome(name="the hub's name is not found", seed=seed, workers=1)
    began = time.monotonic()
    async with arena(server, seed=seed) as ring:
        worker, keeper = ring.workers[0], await _shop(ring, seed)
        reachable = worker.environment["ROCKSYNC_PLUGGTO__BASE_URL"]
        worker.environment["ROCKSYNC_PLUGGTO__BASE_URL"] = NOWHERE
        await worker.start()
        await ring.until(lambda: _failing(ring), within_s=30, what="passes fail")
        await busy([keeper], 1)
        outcome.attacks["no such name"] += 1
        await _expect_unblamed(ring, outcome, "the name was not found")
        if worker.hub.asked:
            outcome.wrong.append("the hub was asked although its name was not found")
        await worker.stop()
        worker.environment["ROCKSYNC_PLUGGTO__BASE_URL"] = reachable
        await worker.start()
        outcome.recover_s = await settle(ring, outcome)
        await conclude(ring, outcome, [keeper])
    outcome.took_s = time.monotonic() - began
    return outcome


async def certificates_fail(server: Server, seed: int, *, faces: int = len(UNTRUSTED)) -> Outcome:
    """Behind a name that is found stands somebody else, in many ways: not a byte of a request is told to them."""
    outcome = Outcome(name="TLS fails", seed=seed, workers=1)
    began, rng = time.monotonic(), random.Random(f"tls {seed}")  # noqa: S311 - repeatable, no secret
    async with arena(server, seed=seed) as ring, _facing(ring, ring.workers[0]) as front:
        worker, keeper = ring.workers[0], await _shop(ring, seed)
        await worker.start()
        await busy([keeper], 1)
        await settle(ring, outcome)
        for face in rng.sample(UNTRUSTED, faces):
            front.face = face
            worker.hub.cut()  # the connections that there are
            asked, turned_away = worker.hub.asked, front.turned_away
            await busy([keeper], 0.5)
            await ring.until(
                lambda turned_away=turned_away: _at_least(front, turned_away + 1),  # type: ignore[misc]
                within_s=30,
                what=f"{face}: it is tried",
            )
            outcome.attacks[f"TLS: {face}"] += 1
            if worker.hub.asked != asked:
                outcome.wrong.append(f"{face}: {worker.hub.asked - asked} requests were sent all the same")
            await _expect_unblamed(ring, outcome, face)
            front.face = TRUSTED
            outcome.recover_s = max(outcome.recover_s, await settle(ring, outcome))
        await conclude(ring, outcome, [keeper])
    outcome.took_s = time.monotonic() - began
    return outcome


async def outage(server: Server, seed: int, *, length_s: float) -> Outcome:
    """The hub is away while the stores go on: it is hardly asked meanwhile, and afterwards everything is caught up."""
    tenants = 3
    outcome = Outcome(name=f"the hub away for {length_s / 60:.0f} min", seed=seed, workers=1)
    began = time.monotonic()
    async with arena(server, seed=seed) as ring:
        keepers = []
        for number in range(tenants):
            tenant = await ring.add_tenant(f"loja-{number}", mode="automatic", every="1 minute")
            keepers += [Shopkeeper(ring, tenant, f"outage {seed}")]
            await keepers[-1].open_shop(12)
        worker = ring.workers[0]
        await worker.start()
        await settle(ring, outcome)
        outcome.attacks["outage of the hub"] += 1
        ring.hub.add_fault("outage")
        asked, until = worker.hub.asked, time.monotonic() + length_s
        while time.monotonic() < until:
            for keeper in keepers:
                await keeper.act()
            await asyncio.sleep(0.5)
        await _expect_unblamed(ring, outcome, "the outage")
        asked_each = (worker.hub.asked - asked) / tenants
        ring.hub.remove_faults()
        outcome.recover_s = await ring.until(
            lambda: _caught_up(ring), within_s=_LONGEST_BACKOFF_S + 60, what="all is caught up"
        )
        outcome.figures |= {"requests_per_tenant": asked_each, "caught_up_s": outcome.recover_s}
        if asked_each > 40 + length_s / 20:
            outcome.wrong.append(f"{asked_each:.0f} requests of each tenant into the outage")
        await settle(ring, outcome)
        await conclude(ring, outcome, keepers)
    outcome.took_s = time.monotonic() - began
    return outcome


async def _caught_up(ring: Arena) -> bool:
    return not await ring.sql(
        "SELECT EXISTS (SELECT FROM rocksync.change) OR EXISTS (SELECT FROM rocksync.item WHERE state = 'pending')"
        " OR EXISTS (SELECT FROM rocksync.schedule WHERE failures > 0)"
    )


async def _shop(ring: Arena, seed: int) -> Shopkeeper:
    keeper = Shopkeeper(ring, await ring.add_tenant("loja-0"), f"network {seed}")
    await keeper.open_shop(6)
    return keeper


async def _failing(ring: Arena) -> bool:
    await _impatient(ring)
    return bool(
        await ring.sql("SELECT bool_and(failures >= 2) FROM rocksync.schedule WHERE kind IN ('product', 'order')")
    )


async def _impatient(ring: Arena) -> None:
    await ring.sql("UPDATE rocksync.item SET next_attempt_at = now() WHERE state = 'pending'")
    await ring.sql("UPDATE rocksync.schedule SET backoff_until = NULL, due_at = clock_timestamp() WHERE failures > 0")


async def _at_least(front: "_Front", turned_away: int) -> bool:
    await _impatient(front.ring)
    return front.turned_away >= turned_away


async def _expect_unblamed(ring: Arena, outcome: Outcome, what: str) -> None:
    """The hub's failure is told as such, and neither items nor the tenant are blamed for it.

    What store and marketplace do to each other goes on meanwhile, and is rightly told.
    """
    blamed = await ring.rows(
        "SELECT kind, key, reason FROM rocksync.item WHERE coalesce(reason, '') <> ALL ($1) AND (attempts > 0"
        " OR state = 'quarantined' AND reason NOT IN ('invalid_item', 'missing_price', 'missing_stock'))",
        list(OWN_FAULTS),
    )
    outcome.wrong += [f"{what}: {row['kind']} {row['key']} is blamed: {row['reason']}" for row in blamed]
    stopped = await ring.sql("SELECT count(*) FROM rocksync.tenant WHERE status <> 'active'")
    if stopped:
        outcome.wrong.append(f"{what}: {stopped} tenants were stopped")
    told = await ring.rows("SELECT DISTINCT failure_reason FROM rocksync.schedule WHERE failures > 0")
    outcome.wrong += [
        f"{what}: told as {row['failure_reason']}" for row in told if row["failure_reason"] != "hub_unavailable"
    ]


@dataclass
class _Front:
    """A TLS server before a worker's proxy, which shows one of several faces to each new connection."""

    ring: Arena
    target: int
    faces: dict[str, ssl.SSLContext]
    face: str = TRUSTED
    turned_away: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        face = self.face
        try:
            if face == "hangs up":
                return
            if face == "no TLS":
                writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
                return
            await writer.start_tls(self.faces[face])
            upstream, server = await asyncio.open_connection("127.0.0.1", self.target)
            await asyncio.gather(_copy(reader, server), _copy(upstream, writer))
        except OSError:  # ssl.SSLError too: whoever connects turns away
            pass
        finally:
            self.turned_away += face != TRUSTED
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@contextlib.asynccontextmanager
async def _facing(ring: Arena, worker: Worker) -> AsyncIterator[_Front]:
    """Have *worker* reach the hub by TLS, with an authority of the round as the only one it trusts."""
    authority, stranger = _authority("Round"), _authority("Stranger")
    now = datetime.now(UTC)
    faces = {
        TRUSTED: _face(ring.folder, authority, "localhost", now - _DAY, now + _DAY),
        "unknown authority": _face(ring.folder, stranger, "localhost", now - _DAY, now + _DAY),
        "expired": _face(ring.folder, authority, "localhost", now - 2 * _DAY, now - _DAY),
        "not yet valid": _face(ring.folder, authority, "localhost", now + _DAY, now + 2 * _DAY),
        "another name": _face(ring.folder, authority, "elsewhere.example", now - _DAY, now + _DAY),
        "old TLS": _face(ring.folder, authority, "localhost", now - _DAY, now + _DAY, newest=ssl.TLSVersion.TLSv1_1),
    }
    trusted = ring.folder / "authority.pem"
    trusted.write_bytes(authority[0].public_bytes(serialization.Encoding.PEM))
    front = _Front(ring, worker.hub.port, faces)
    listening = await asyncio.start_server(front.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    worker.environment["ROCKSYNC_PLUGGTO__BASE_URL"] = f"https://localhost:{port}"
    worker.environment["SSL_CERT_FILE"] = str(trusted)
    try:
        yield front
    finally:
        listening.close()


_Authority = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _authority(name: str) -> _Authority:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    builder = _certificate(_name(name), _name(name), key.public_key(), now - 9 * _DAY, now + 9 * _DAY)
    return builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
        key, hashes.SHA256()
    ), key


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, since: datetime, until: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(since).not_valid_after(until)


def _face(
    folder: Path,
    authority: _Authority,
    host: str,
    since: datetime,
    until: datetime,
    *,
    newest: ssl.TLSVersion | None = None,
) -> ssl.SSLContext:
    """A server's context for *host*, signed by *authority*."""
    certificate, key = authority
    own = ec.generate_private_key(ec.SECP256R1())
    builder = _certificate(_name(host), certificate.subject, own.public_key(), since, until)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    signed = builder.sign(key, hashes.SHA256())
    file = folder / f"{signed.serial_number}.pem"
    file.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    if newest is not None:
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = newest
        context.set_ciphers("ALL:@SECLEVEL=0")
    return context
