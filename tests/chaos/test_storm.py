"""A storm has everything that the hub can do wrong, but for what has a round of its own."""

from rocksync.sandbox.faults import FAULTS, parse_fault
from tests.chaos.attacker import HUB_FAULTS

ELSEWHERE = {
    "refused-credentials": "round `dead credentials`: only people can mend it",
    "400": "round `poison first`: an item that the hub refuses is rightly blamed",
    "400-reads": "as 400",
    "unset-members": "tests/worker/test_lost_products.py: a storm loses nothing at the hub",
    "short-products": "tests/worker/test_short_answers.py: what is not shown cannot be removed, and is rightly blamed",
    "short-variations": "as unset-members; what is not shown cannot be removed",
}


def test_every_fault_of_the_hub_is_in_the_campaign() -> None:
    in_storms = {parse_fault(text).name for text in HUB_FAULTS}

    assert in_storms.isdisjoint(ELSEWHERE)
    assert in_storms | set(ELSEWHERE) == set(FAULTS)
