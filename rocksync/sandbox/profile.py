"""How strict the sandbox is where the sources of the API disagree or say nothing."""

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One consistent reading of the API; every switch is assumed, with the contradiction it settles in brackets."""

    name: str
    strict_bodies: bool = True
    """Nulls, empty members, wrong types, unknown members and unknown ids are refused with 400 (assumed)."""
    form_tokens_only: bool = True
    """A token request in JSON is refused [X1]."""
    reusable_refresh: bool = False
    """A refresh token lives for more than one use [X2]."""
    open_accounts: bool = False
    """Credentials never seen before open an account of their own (for tours; no real hub does that)."""
    upsert: bool = False
    """``PUT /skus/{sku}`` creates what is unknown; otherwise it answers 404 [X3]."""
    variation_by_sku: bool = False
    """``/skus/{sku}`` reaches a variation for GET, PUT and DELETE; otherwise 404 (not evidenced)."""
    total_is_remaining: bool = False
    """``total`` counts what is left from the cursor on, not all matches [X6]."""
    category_subtree: bool = False
    """Removing a category removes its sub-paths too [X8]."""
    attributes_by_id: bool = False
    """An attribute sent without an id is added, also beside one of its code; otherwise its code finds it (unknown)."""
    end_day_inclusive: bool = False
    """The last day of a range of bare dates is part of the range (unknown; left out is the harder reading)."""
    status_lists: bool = False
    """``status=a,b`` matches either; otherwise it matches nothing [X10]."""
    external_maps: bool = False
    """``external`` is a map by client id even without ``showExternal`` [X12]."""


PROFILES: dict[str, Profile] = {
    "strict": Profile(name="strict"),
    "lenient": Profile(
        name="lenient",
        strict_bodies=False,
        form_tokens_only=False,
        reusable_refresh=True,
        open_accounts=True,
        upsert=True,
        variation_by_sku=True,
        end_day_inclusive=True,
        status_lists=True,
    ),
}

SWITCHES = tuple(field.name for field in dataclasses.fields(Profile) if field.name != "name")


def parse_profile(text: str) -> Profile:
    """Return the profile of ``name[+switch][-switch]...``, such as ``strict+upsert+open_accounts``.

    Raises: ValueError naming what is known.
    """
    base, *changes = text.replace("+", " +").replace("-", " -").split()
    if base not in PROFILES:
        raise ValueError(f"no profile {base!r}: choose from {', '.join(PROFILES)}")
    wanted: dict[str, bool] = {}
    for change in changes:
        if change[1:] not in SWITCHES:
            raise ValueError(f"no switch {change[1:]!r} in profile {text!r}: choose from {', '.join(SWITCHES)}")
        wanted[change[1:]] = change[0] == "+"
    return switched(PROFILES[base], wanted, name=text)


def switched(profile: Profile, changes: dict[str, bool], *, name: str | None = None) -> Profile:
    """Return *profile* with switches changed. Raises: ValueError for an unknown switch or a value that is no bool."""
    for switch, value in changes.items():
        if switch not in SWITCHES:
            raise ValueError(f"no switch {switch!r}: choose from {', '.join(SWITCHES)}")
        if not isinstance(value, bool):
            raise ValueError(f"switch {switch!r} must be true or false")  # noqa: TRY004 (one kind of complaint)
    return Profile(**{**dataclasses.asdict(profile), **changes, "name": name or profile.name})
