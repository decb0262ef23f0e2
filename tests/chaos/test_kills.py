"""A hundred times kill -9 of gateway, shipper and PostgreSQL under load."""

from tests.chaos.figures import record, rounds
from tests.gateway import kills


def test_a_hundred_kills_lose_and_double_nothing(people, postgres_server, own_gateway):
    clients = 8
    ledger = kills.run(people, postgres_server, own_gateway, kills=rounds(100), clients=clients, seed=1)
    print(ledger)
    record(
        kills=ledger.kills, lost=ledger.lost, doubled=ledger.doubled, answered=ledger.answered, recorded=ledger.recorded,
        counted_unanswered=ledger.counted_unanswered,
    )  # fmt: skip
    assert (ledger.lost, ledger.doubled) == (0, 0)
    assert ledger.counted_unanswered <= clients * -(-ledger.kills // len(kills.VICTIMS))
    assert ledger.answered > 100 * ledger.kills
