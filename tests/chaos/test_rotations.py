"""A thousand people rotate one key at once: one of them does."""

from tests.chaos.figures import record, rounds
from tests.keys.test_strings import check_rotations


def test_a_thousand_rotations_of_one_key(people):
    each = rounds(63)
    check_rotations(people, connections=16, each=each)
    record(rotations_at_once=16 * each)
