"""Drawings as geometry."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.charts import bars, gather, scale, sketch

counts = st.lists(st.integers(0, 10**9), min_size=1, max_size=60)


@given(st.integers(0, 10**12))
def test_an_axis_ends_just_above_the_highest_value_with_few_whole_steps(highest):
    top, marks = scale(highest)
    assert top >= highest
    assert top <= max(4, 2 * highest)
    assert 3 <= len(marks) <= 6
    assert marks[0] == 0
    assert marks[-1] == top
    assert len({b - a for a, b in pairwise(marks)}) == 1


@given(counts, st.integers(0, 40))
def test_pins_lose_and_invent_nothing(values, to_come):
    pins = gather(values, len(values) + to_come)
    assert sum(pins) == sum(values)
    assert len(pins) <= 28


def test_every_pin_stands_for_as_many_buckets():
    assert gather([1] * 30, 30) == [2] * 15
    assert gather([1] * 168, 168) == [6] * 28
    assert gather([1] * 24, 24) == [1] * 24


@given(counts)
def test_bars_stay_inside_their_drawing(values):
    path = bars(values, height=200, top=max([*values, 1]))
    assert path.count("M") == sum(value > 0 for value in values)
    for _x, y, height in re.findall(r"M([\d.]+) ([\d.]+)h0.76v([\d.]+)h", path):
        assert 0 <= float(y) <= 200
        assert float(y) + float(height) <= 200.02


@pytest.mark.parametrize("values", [[], [0, 0]])
def test_nothing_draws_nothing(values):
    found = sketch(values)
    assert (found.passed, found.old, found.refused) == ("", "", "")
