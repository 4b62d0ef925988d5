"""What stands beside the figures: what each scenario does, and what was tried to better it, with or without success."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """``what`` was measured, and how; ``tried``: one line for each attempt."""

    what: str
    tried: tuple[str, ...] = ()


NOTES = {
    "export": Note(
        what="The first export of a catalogue, a third of its products with three variations, from activation to the last"
        " product at the hub. The bare loop sends the same requests (each product a PUT that is answered 404, then a POST),"
        " byte for byte, at the same concurrency of 5, without any Postgres.",
        tried=(
            "Outcomes found by their keys whatever the plan was made for: a plan made while the table of items was empty"
            " read all of them for every page. 3,000 products took 11 s in place of more than 30.",
            "Outcomes recorded a tenth of a second's worth at a time: before, six items shared a transaction; 40 % less CPU"
            " in the database.",
            "No reset of pooled connections: a round trip less for each query.",
            "Asynchronous commit for passes over the catalogue (not for orders): no wait for the disk.",
            "A new product is encoded once for its PUT and its POST: some 5 % less CPU in the worker.",
            "Price and stock passes held back until the first product slice ends: would spare a fifth of the writes, but"
            " activation is to make every kind due at once. Not kept.",
        ),
    ),
    "steady": Note(
        what="20 tenants with changed prices and stocks, hub latency 50 ms, 5 requests in flight for each tenant. Rates are"
        " from the first write at the hub to the last, so that what dlt and Singer do before it is left out. The adapters"
        " are in tests/benchmarks/alternatives; sequential is a bare loop with one request at a time for each tenant.",
    ),
    "idle": Note(
        what="Tenants in sync of whom nothing changes; their passes fall due evenly, and orders are polled every two minutes.",
        tried=("No reset of pooled connections: a round trip less for each query.",),
    ),
    "lag": Note(
        what="100 tenants with immediate schedules, 50 single-row commits a second, prices and stocks by turns. From before"
        " the commit to the application at the hub, which adds no latency.",
    ),
    "schedule": Note(
        what="Every kind at its default interval; nothing to deliver. Order passes do poll the hub. Late: from due to start.",
    ),
    "isolation": Note(
        what="Quiet tenants with 25 commits a second among them, alone and beside one with a backlog, in turn; hub latency"
        " 20 ms, rate limits as they come.",
    ),
    "growth": Note(
        what="1,000 changed stocks in one tenant, again and again, by size of its catalogue. CPU of worker and database.",
    ),
    "outbox": Note(
        what="One statement of the platform in one transaction, with our triggers and without, in turn.",
        tried=(
            "Old and new rows of an UPDATE paired by place instead of joined by key: 3.4 × became 2.2 × (quiet minutes).",
            "More memory for the join alone, EXCEPT in its place, one that compares less: no difference.",
            "Half of what is left is the index of the outbox. An index of fewer columns saves a twentieth, none a fifth;"
            " not kept, as folding and the lag view need it.",
        ),
    ),
    "scale-out": Note(
        what="A backlog of stock changes over 64 tenants at a hub latency of 100 ms; each worker runs 4 passes at once, so"
        " that it waits for the hub and not for the machine. All workers share one core.",
    ),
    "memory": Note(what="Resident memory of the worker's process after it served every tenant."),
    "mapping": Note(what="What a mapper costs: `tests/benchmarks/mapping.py`."),
}
