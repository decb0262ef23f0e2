"""The feed loses and invents nothing, whoever writes."""

from tests.chaos.figures import record, rounds
from tests.gateway import feed_writers


def test_thirty_two_writers_with_rollbacks(people):
    found = feed_writers.run(people, writers=32, changes=rounds(2_000))
    print(found)
    record(feed_changes=found.committed, feed_missed=found.missed, feed_phantom=found.phantom, feed_gaps=found.gaps)
    assert (found.missed, found.phantom, found.gaps) == (0, 0, 0)
    assert found.committed > 20 * rounds(2_000)
