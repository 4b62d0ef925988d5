"""Why the sandbox says no: status and body of every refusal."""

from typing import Any


class Refusal(Exception):  # noqa: N818 (a refusal is an answer, not a failure of the sandbox)
    """An answer other than success; *body* is the JSON document that goes with *status*."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


def refusal(status: int, kind: str, details: str | dict[str, Any]) -> Refusal:
    """Return a refusal in the hub's envelope.

    Source: https://developers.plugg.to/reference/update-invoice. Kinds other than ``not_updated`` are assumed.
    """
    return Refusal(
        status,
        {
            "error": True,
            "type": kind,
            "message": "An error occurred, see details for more information.",
            "details": details,
        },
    )


def invalid(member: str, complaint: str) -> Refusal:
    """Return the refusal of one member of a body (assumed: no source shows a validation error)."""
    return refusal(400, "invalid_field", f"{member}: {complaint}")


def not_found(what: str) -> Refusal:
    """Return the refusal of something that does not exist."""
    return refusal(404, "not_found", f"{what} not found")


def not_updated(what: str) -> Refusal:
    """Return the refusal of a write that changes nothing.

    Source: https://developers.plugg.to/reference/update-invoice ("Changes not found in the order").
    """
    return refusal(400, "not_updated", f"Changes not found in the {what}")


def duplicate(message: str) -> Refusal:
    """Return the refusal of a second use of a unique key, with ``details`` as an object, as Mongo does (assumed)."""
    return refusal(400, "duplicate_key", {"errmsg": "E11000 duplicate key error", "message": message})


def oauth_refusal(status: int, error: str, description: str) -> Refusal:
    """Return a refusal of the token check. Shape assumed: inferred from two attested messages."""
    return Refusal(status, {"code": status, "error": error, "error_description": description})
