"""The board of one tenant."""

from boards.panels import RATE, RED, YELLOW, Json, dashboard, query, row, stat, time_series, variable

TENANT = '{tenant="$tenant", kind=~"$kind"}'
KIND = variable("kind", "Kind", "label_values(rocksync_passes_total, kind)", multi=True)


def tenant() -> Json:
    """One tenant: is it late, with what, until when, and what is in the way."""
    pending = 'sum by (kind) (rocksync:items:min{tenant="$tenant", kind=~"$kind", state="pending"})'
    delivered = f"sum by (kind) (rocksync:items_delivered:rate5m{TENANT})"
    return dashboard(
        "rocksync-tenant",
        "rocksync: tenant",
        "One tenant: is it late, with what, until when, and what is in the way. `rocksync status SLUG` says why.",
        [variable("tenant", "Tenant", "label_values(rocksync_sync_lag_seconds, tenant)"), KIND],
        row(
            "Lag",
            stat(
                "Status",
                "The tenant's status.",
                "short",
                query('min by (status) (rocksync_tenant_status{tenant="$tenant"}) == 1', "{{status}}"),
            ),
            stat(
                "Lag",
                "Age of the oldest change that Plugg.to does not have yet.",
                "s",
                query(f"rocksync:sync_lag_seconds:min{TENANT}", "{{kind}}"),
                w=10,
            ),
            stat(
                "Lag in intervals",
                "Lag divided by the interval: behind from 2 on. A kind on request only has none.",
                "short",
                query(
                    f"rocksync:sync_lag_seconds:min{TENANT} / rocksync:schedule_interval_seconds:max{TENANT}",
                    "{{kind}}",
                ),
                steps=[(2, YELLOW), (10, RED)],
                w=10,
            ),
            time_series(
                "Lag and interval",
                "Lag by kind, against the interval that it is held against.",
                "s",
                query(f"rocksync:sync_lag_seconds:min{TENANT}", "{{kind}}"),
                query(f"rocksync:schedule_interval_seconds:max{TENANT}", "{{kind}} interval"),
                w=12,
            ),
            time_series(
                "Staleness and interval",
                "Time since the last complete pass. For orders this is how old our knowledge of Plugg.to is.",
                "s",
                query(f"rocksync:sync_staleness_seconds:min{TENANT}", "{{kind}}"),
                query(f"rocksync:schedule_interval_seconds:max{TENANT}", "{{kind}} interval"),
                w=12,
            ),
        ),
        row(
            "Backlog",
            time_series("Backlog", "Items to be delivered.", "short", query(pending, "{{kind}}"), stack=True),
            time_series(
                "Delivered",
                "Items that Plugg.to took, over five minutes.",
                "cps",
                query(delivered, "{{kind}}"),
                stack=True,
            ),
            time_series(
                "Done in",
                "Backlog divided by the present rate: how long an export still takes.",
                "s",
                query(f"{pending} / ({delivered} > 0)", "{{kind}}"),
            ),
        ),
        row(
            "Quarantine",
            time_series(
                "Quarantine by reason",
                "Items that are set aside until their row changes or somebody releases them.",
                "short",
                query(f"sum by (kind, reason) (rocksync:quarantined_items:min{TENANT})", "{{kind}} {{reason}}"),
                stack=True,
            ),
            time_series(
                "Attempts refused",
                "Attempts that were refused, by reason code.",
                "cps",
                query(
                    f"sum by (kind, reason) (rate(rocksync_items_refused_total{TENANT}[{RATE}]))", "{{kind}} {{reason}}"
                ),
                stack=True,
            ),
            time_series(
                "Mapper errors",
                "Items that the tenant's mappers could not map: they raised, hung or gave rubbish.",
                "cps",
                query(
                    'sum by (reason) (rate(rocksync_items_refused_total{tenant="$tenant", '
                    f'reason=~"mapper_error|mapper_timeout|invalid_item"}}[{RATE}]))',
                    "{{reason}}",
                ),
            ),
        ),
        row(
            "Orders",
            time_series(
                "Orders in and out",
                "Imported, approved and cancelled by Plugg.to; invoiced and shipped by the store.",
                "cps",
                query(f'sum by (action) (rate(rocksync_orders_total{{tenant="$tenant"}}[{RATE}]))', "{{action}}"),
            ),
            time_series(
                "Orders not confirmed",
                "Orders whose last write to Plugg.to does not read back yet.",
                "short",
                query('min by (tenant) (rocksync_orders_unconfirmed{tenant="$tenant"})', "unconfirmed"),
            ),
            time_series(
                "Orders by state",
                "All orders of the tenant; quarantined ones wait for a person, most often for a SKU.",
                "short",
                query('sum by (state) (rocksync:items:min{tenant="$tenant", kind="order"})', "{{state}}"),
            ),
        ),
    )
