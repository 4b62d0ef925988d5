"""memory: what the worker holds after it served many tenants, as seen in the idle and schedule scenarios."""

from typing import Any

GOALS_MB = {1_000: 120.0, 10_000: 250.0}


def gather(results: dict[str, Any]) -> None:
    """Add the scenario to *results*, where those it draws on were measured at full size."""
    rows = []
    for name in ("idle", "schedule"):
        found = results.get(name)
        if found is not None and found["tenants"] in GOALS_MB:
            row = {"tenants": found["tenants"], "worker_mb": found["worker_mb"], "goal_mb": GOALS_MB[found["tenants"]]}
            if row["tenants"] not in {known["tenants"] for known in rows}:
                rows.append(row)
    if rows:
        results["memory"] = {"sizes": rows, "met": all(row["worker_mb"] < row["goal_mb"] for row in rows)}
