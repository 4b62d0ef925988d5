"""The board of all tenants at once."""

from boards.panels import RATE, RED, YELLOW, Json, dashboard, query, row, stat, table, time_series, variable

KIND = variable("kind", "Kind", "label_values(rocksync_passes_total, kind)", multi=True)


def fleet() -> Json:
    """All tenants at once: who is late, with what, and whether it is the hub, the workers or the tenants."""
    to_tenant = {
        "title": "Tenant ${__data.fields.tenant}",
        "url": "/d/rocksync-tenant?var-tenant=${__data.fields.tenant}&${datasource:queryparam}&${__url_time_range}",
    }
    late = [(300, YELLOW), (1800, RED)]
    return dashboard(
        "rocksync-fleet",
        "rocksync: fleet",
        "Who is late, with what, and why. Start here.",
        [KIND],
        row(
            "Now",
            stat(
                "Active tenants", "Tenants that are served.", "short", query('min(rocksync_tenants{status="active"})')
            ),
            stat(
                "Stopped tenants",
                "Tenants whose credentials Plugg.to refuses: nothing moves until somebody enters new ones.",
                "short",
                query('min(rocksync_tenants{status="needs_credentials"})'),
                steps=[(1, RED)],
            ),
            stat(
                "Tenants behind",
                "Tenants whose lag is over twice their interval, by kind.",
                "short",
                query('min by (kind) (rocksync_tenants_behind{kind=~"$kind"})', "{{kind}}"),
                steps=[(1, YELLOW), (10, RED)],
                w=8,
            ),
            stat(
                "Worst lag",
                "Age of the oldest change that Plugg.to does not have yet, of any tenant, by kind.",
                "s",
                query('min by (kind) (rocksync_sync_lag_max_seconds{kind=~"$kind"})', "{{kind}}"),
                steps=late,
                w=8,
            ),
        ),
        row(
            "Lag",
            time_series(
                "Worst lag by kind",
                "The largest lag of any tenant. It grows by a second a second while nothing is delivered.",
                "s",
                query('min by (kind) (rocksync_sync_lag_max_seconds{kind=~"$kind"})', "{{kind}}"),
            ),
            time_series(
                "Tenants behind",
                "Tenants whose lag is over twice their interval.",
                "short",
                query('min by (kind) (rocksync_tenants_behind{kind=~"$kind"})', "{{kind}}"),
            ),
            table(
                "The latest tenants",
                "The twenty largest lags now. A row leads to its tenant.",
                "s",
                query('topk(20, rocksync:sync_lag_seconds:min{kind=~"$kind"})', form="table"),
                link=to_tenant,
                steps=late,
            ),
        ),
        row(
            "Passes and items",
            time_series(
                "Passes by outcome",
                "Passes, or slices of them, that ended. Failed ones are tried again after a backoff.",
                "cps",
                query(f'sum by (outcome) (rate(rocksync_passes_total{{kind=~"$kind"}}[{RATE}]))', "{{outcome}}"),
                stack=True,
            ),
            time_series(
                "Pass duration, 95th percentile",
                "One pass in twenty takes longer. A slice ends after worker.slice_s.",
                "s",
                query(
                    "histogram_quantile(0.95, sum by (le, kind) "
                    f'(rate(rocksync_pass_duration_seconds_bucket{{kind=~"$kind"}}[{RATE}])))',
                    "{{kind}}",
                ),
            ),
            time_series(
                "Items delivered",
                "Items that Plugg.to took.",
                "cps",
                query(f'sum by (kind) (rate(rocksync_items_delivered_total{{kind=~"$kind"}}[{RATE}]))', "{{kind}}"),
                stack=True,
            ),
            time_series(
                "Errors: attempts refused",
                "Attempts that were refused, by reason code; the runbook says what each means.",
                "cps",
                query(f'sum by (reason) (rate(rocksync_items_refused_total{{kind=~"$kind"}}[{RATE}]))', "{{reason}}"),
                stack=True,
            ),
            time_series(
                "Orders",
                "Orders that were imported or moved on.",
                "cps",
                query(f"sum by (action) (rate(rocksync_orders_total[{RATE}]))", "{{action}}"),
                stack=True,
            ),
            time_series(
                "Quarantine",
                "Items that are set aside, over the tenants that have series of their own.",
                "short",
                query('sum by (kind) (rocksync:items:min{kind=~"$kind", state="quarantined"})', "{{kind}}"),
                stack=True,
            ),
        ),
        row(
            "Plugg.to",
            time_series(
                "Requests by status code",
                "Requests to Plugg.to; 0: no whole reply came.",
                "reqps",
                query(f"sum by (code) (rate(rocksync_pluggto_requests_total[{RATE}]))", "{{code}}"),
                stack=True,
            ),
            time_series(
                "Share of failures",
                "5xx and broken connections (the hub's fault), and 429 (too fast).",
                "percentunit",
                query("rocksync:pluggto_failures:ratio5m or vector(0)", "failed"),
                query("rocksync:pluggto_rate_limited:ratio5m or vector(0)", "rate limited"),
            ),
            time_series(
                "Latency",
                "Time of one request, answer included.",
                "s",
                *(
                    query(
                        f"histogram_quantile({share}, sum by (le) "
                        f"(rate(rocksync_pluggto_request_duration_seconds_bucket[{RATE}])))",
                        f"p{share * 100:.0f}",
                    )
                    for share in (0.5, 0.95, 0.99)
                ),
            ),
        ),
        row(
            "Workers and leases",
            time_series(
                "Workers",
                "Workers that answer Prometheus, and those whose heartbeat the database has seen within half a minute.",
                "short",
                query('sum(up{job="rocksync"})', "answering"),
                query("min(rocksync_workers)", "beating"),
            ),
            time_series(
                "Leases",
                "Passes that run; leases that ended without being given back or taken over.",
                "short",
                query("min(rocksync_leases)", "running"),
                query("min(rocksync_leases_expired)", "expired"),
            ),
            time_series(
                "Passes waiting",
                "Passes that are due and that no worker has claimed. While it stays above zero, more workers help.",
                "short",
                query("min(rocksync_passes_waiting)", "waiting"),
            ),
        ),
    )
