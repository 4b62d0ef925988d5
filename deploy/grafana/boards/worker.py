"""The board of the processes."""

from boards.panels import RATE, Json, dashboard, query, row, time_series, variable

WORKER = '{instance=~"$instance"}'


def worker() -> Json:
    """The processes."""
    return dashboard(
        "rocksync-worker",
        "rocksync: worker",
        "The processes: what they use, and whether their event loop and their database keep up.",
        [variable("instance", "Worker", 'label_values(up{job="rocksync"}, instance)', multi=True)],
        row(
            "Process",
            time_series(
                "CPU",
                "Processor time used; the event loop has one core at most.",
                "percentunit",
                query(f"rate(process_cpu_seconds_total{WORKER}[{RATE}])", "{{instance}}"),
            ),
            time_series(
                "Memory",
                "Resident memory.",
                "bytes",
                query(f"process_resident_memory_bytes{WORKER}", "{{instance}}"),
            ),
            time_series(
                "Event loop delay",
                "How late the event loop ran, at worst, in the last half minute. Above a second, something blocks it.",
                "s",
                query(f"rocksync_event_loop_delay_seconds{WORKER}", "{{instance}}"),
            ),
            time_series(
                "Open files",
                "Open files and sockets, and how many are allowed.",
                "short",
                query(f"process_open_fds{WORKER}", "{{instance}} open"),
                query(f"process_max_fds{WORKER}", "{{instance}} allowed"),
            ),
            time_series(
                "Running for",
                "Time since the process started: a saw means that it is restarted again and again.",
                "s",
                query(f"time() - process_start_time_seconds{WORKER}", "{{instance}}"),
            ),
            time_series(
                "Versions",
                "Workers by version: two during a rollout, one after it.",
                "short",
                query(f"count by (version) (rocksync_build_info{WORKER})", "{{version}}"),
                stack=True,
            ),
        ),
        row(
            "Database",
            time_series(
                "Database connections",
                "Connections of the pool, in use and idle, and how many it may open.",
                "short",
                query(f"sum by (state) (rocksync_pool_connections{WORKER})", "{{state}}"),
                query(f"sum(rocksync_pool_limit{WORKER})", "limit"),
            ),
            time_series(
                "Database reached",
                "1 while the database could be asked.",
                "short",
                query(f"rocksync_database_up{WORKER}", "{{instance}}"),
            ),
            time_series(
                "Age of what gauges show",
                "Time since the worker last read how its tenants stand.",
                "s",
                query(f"rocksync_snapshot_age_seconds{WORKER}", "{{instance}}"),
            ),
        ),
        row(
            "Passes",
            time_series(
                "Passes at once",
                "Passes that run in the worker, and how many may. Always full: more workers, or worker.concurrency.",
                "short",
                query(f"rocksync_passes_running{WORKER}", "{{instance}} running"),
                query(f"rocksync_pass_slots{WORKER}", "{{instance}} slots"),
            ),
            time_series(
                "Slices",
                "Passes that gave way to others after their slice of time and queued again: large exports.",
                "cps",
                query(
                    'sum by (instance, kind) (rate(rocksync_passes_total{instance=~"$instance", outcome="slice"}'
                    f"[{RATE}]))",
                    "{{instance}} {{kind}}",
                ),
            ),
            time_series(
                "Passes lost",
                "Passes whose lease another worker took: this one was stuck, or cut off from the database.",
                "cps",
                query(
                    f'sum by (instance) (rate(rocksync_passes_total{{instance=~"$instance", outcome="lost"}}[{RATE}]))',
                    "{{instance}}",
                ),
            ),
        ),
    )
