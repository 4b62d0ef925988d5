"""The shape of what each command of the console prints as JSON."""

from typing import Any

from .shapes import Anything

TEXT, NUMBER, MAYBE = str, float, (str, None)
SHAPES: dict[str, Any] = {
    "status": [
        {
            **dict.fromkeys(("tenant", "kind", "cause", "why", "status", "mode"), TEXT),
            **dict.fromkeys(("lag_s", "every_s"), NUMBER),
            **dict.fromkeys(("staleness_s", "eta_s", "items_per_s", "hub_ms"), (NUMBER, None)),
            **dict.fromkeys(("pending", "quarantined"), int),
            **dict.fromkeys(("detail", "mapper_fault"), MAYBE),
            "behind": bool,
        }
    ],
    "explain loja sku A": {
        **dict.fromkeys(("tenant", "sku", "next_action", "reason", "meaning", "fix", "who"), TEXT),
        "detail": MAYBE,
        "store": {"product": {str: Anything}, "price": {str: Anything}, "stock": {str: Anything}},
        "eligibility": {str: Anything},
        "mapped": {"product": {str: Anything}, "price": {str: Anything}, "stock": {"quantity": int}},
        "accepted": {"product": {str: Anything}, "price": {str: Anything}, "stock": {"quantity": int}},
        "items": {
            str: {
                **dict.fromkeys(("key", "reason"), TEXT),
                **dict.fromkeys(("detail", "state", "recorded_reason", "changed_at", "attempted_at"), MAYBE),
                **dict.fromkeys(("next_attempt_at", "accepted_at"), MAYBE),
                "attempts": int,
            }
        },
        "stock": {
            **dict.fromkeys(("on_hand", "reserved", "held", "sellable", "buffer", "quantity"), int),
            "active": bool,
            "sum": TEXT,
        },
        "attempts": [{str: Anything}],
        "live": {"shown": {str: Anything}, "error": None},
    },
    "history loja sku A": [
        {
            **dict.fromkeys(("kind", "key", "at", "action", "reason"), TEXT),
            "status": (int, None),
            "detail": MAYBE,
            "sent": ({str: Anything}, None),
            "took_ms": (int, None),
        }
    ],
    "quarantine list": [
        {
            **dict.fromkeys(("tenant", "kind", "key", "reason"), TEXT),
            **dict.fromkeys(("detail", "changed_at", "attempted_at"), MAYBE),
            "attempts": int,
        }
    ],
    "quarantine release --reason invalid_item": {"released": int, "retried": int},
    "resend loja sku A": {"tenant": TEXT, "resent": {str: TEXT}, "on_request_only": [TEXT]},
    "holds list": [
        {
            **dict.fromkeys(("tenant", "kind", "key", "why", "held_at"), TEXT),
            "before": {str: Anything},
            "after": {str: Anything},
        }
    ],
    "holds approve loja --key H": {"tenant": TEXT, "approved": int},
    "holds reject loja --all": {"tenant": TEXT, "rejected": int},
    "audit": [{"at": TEXT, "who": TEXT, "action": TEXT, "tenant": MAYBE, "what": {str: Anything}}],
    "mapper list": {
        "mappers": [
            {"name": TEXT, "file": TEXT, "digest": MAYBE, "hooks": [TEXT], "fault": MAYBE},
        ],
        "faults": [{"name": TEXT, "detail": TEXT}],
    },
    "mapper new novo": {"name": TEXT, "file": TEXT},
    "mapper check loja": {
        "name": TEXT,
        "sound": bool,
        "findings": [{"file": TEXT, "line": int, "detail": TEXT, "blocks": bool}],
    },
    "mapper preview loja loja": {
        "tenant": TEXT,
        "mappers": [TEXT],
        "items": [
            {
                "kind": TEXT,
                "key": TEXT,
                "accepted": bool,
                "reason": MAYBE,
                "refusal": MAYBE,
                "differences": [{"path": TEXT, "before": Anything, "after": Anything}],
            }
        ],
    },
    "completion bash": {"shell": TEXT, "script": TEXT},
    "keygen": {"key": TEXT},
    "migrate --check": {"missing": [TEXT]},
    "schedule set loja price --every 20m": {"tenant": TEXT, "kind": TEXT, "mode": TEXT, "every_s": (NUMBER, None)},
    "sync loja stock": {"tenant": TEXT, "kinds": [TEXT], "complete": bool},
    "tenant pause loja --reason x --kind stock": {"slug": TEXT, "kinds": [TEXT], "reason": TEXT, "until": MAYBE},
    "tenant resume loja --kind stock": {"slug": TEXT, "kinds": [TEXT], "paused": [TEXT]},
    "tenant set loja --setting a=1": {str: Anything},
    "tenant list": [{str: Anything}],
    "tenant show loja": {str: Anything},
    "tenant remove loja --yes": {"slug": TEXT, "deleted": bool, "with_store": bool},
}
