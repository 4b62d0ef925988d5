"""The board of Plugg.to."""

from boards.panels import RATE, Json, dashboard, heatmap, query, row, time_series, variable

ROUTE = '{route=~"$route"}'


def hub() -> Json:
    """Plugg.to as we see it."""
    duration = f"rate(rocksync_pluggto_request_duration_seconds_bucket{ROUTE}[{RATE}])"
    return dashboard(
        "rocksync-hub",
        "rocksync: Plugg.to",
        "Plugg.to as we see it: how much we ask, how it answers, and how fast.",
        [variable("route", "Route", "label_values(rocksync_pluggto_requests_total, route)", multi=True)],
        row(
            "Requests",
            time_series(
                "Requests by route",
                "Requests to Plugg.to.",
                "reqps",
                query(
                    f"sum by (method, route) (rate(rocksync_pluggto_requests_total{ROUTE}[{RATE}]))",
                    "{{method}} {{route}}",
                ),
                stack=True,
                w=12,
            ),
            time_series(
                "Answers by route and code",
                "Answers other than success. 404 and 400 not_updated are part of ordinary work.",
                "reqps",
                query(
                    'sum by (method, route, code) (rate(rocksync_pluggto_requests_total{route=~"$route", '
                    f'code!~"2.."}}[{RATE}]))',
                    "{{code}} {{method}} {{route}}",
                ),
                w=12,
            ),
        ),
        row(
            "Latency",
            heatmap(
                "Latency",
                "How many requests took how long.",
                "s",
                query(f"sum by (le) ({duration})", "{{le}}", form="heatmap"),
                w=12,
            ),
            time_series(
                "Latency by route, 95th percentile",
                "One request in twenty takes longer.",
                "s",
                query(f"histogram_quantile(0.95, sum by (le, method, route) ({duration}))", "{{method}} {{route}}"),
                w=12,
            ),
        ),
        row(
            "Limits",
            time_series(
                "429: too many requests",
                "Answers that told us to slow down; each tenant's limiter does.",
                "reqps",
                query(f'sum(rate(rocksync_pluggto_requests_total{{code="429"}}[{RATE}])) or vector(0)', "429"),
            ),
            time_series(
                "Breaker",
                "Workers by the state of their breaker. Open: Plugg.to does not answer, and nobody asks for a while.",
                "short",
                query("sum by (state) (rocksync_pluggto_breaker)", "{{state}}"),
                stack=True,
            ),
            time_series(
                "Logins",
                "Requests for a token, by how they ended. Refused ones stop their tenant after three.",
                "cps",
                query(
                    f"sum by (grant, outcome) (rate(rocksync_pluggto_logins_total[{RATE}]))", "{{grant}} {{outcome}}"
                ),
            ),
        ),
        row(
            "Notifications and mappers",
            time_series(
                "Notifications",
                "Hints that Plugg.to sent; what they name is read at once. They are never trusted.",
                "cps",
                query(f"sum by (outcome) (rate(rocksync_notifications_total[{RATE}]))", "{{outcome}}"),
            ),
            time_series(
                "Mapper calls",
                "Mean time of one call of a mapper.",
                "s",
                query(
                    f"sum by (mapper) (rate(rocksync_mapper_duration_seconds_sum[{RATE}])) "
                    f"/ (sum by (mapper) (rate(rocksync_mapper_duration_seconds_count[{RATE}])) > 0)",
                    "{{mapper}}",
                ),
            ),
            time_series(
                "Mapper errors",
                "Calls of mappers that raised, hung or gave rubbish.",
                "cps",
                query(f"sum by (mapper) (rate(rocksync_mapper_errors_total[{RATE}]))", "{{mapper}}"),
            ),
        ),
    )
