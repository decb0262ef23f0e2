"""The journal file: frames, torn tails, a disk that is full."""

import resource
import struct
import subprocess
import sys
import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import records, segments
from gateway.batches import Sampler, count
from gateway.journal import Journal
from gateway.records import BrokenFrame, Gap, Record

big = st.integers(0, 2**63 - 1)
texts = st.text("abcdefghijklmnopqrstuvwxyz0123456789.:/-", max_size=50)
some_records = st.builds(
    Record, at_us=big, organization_id=big, key_id=big, secret_number=st.integers(0, 2**32 - 1), product_id=big,
    outcome=st.integers(0, 255), status=st.integers(100, 599), demand=st.integers(0, 2**32 - 1), host=texts, network=texts,
    client=texts, tracking_id=texts,
)  # fmt: skip


def record(n: int, **changes) -> Record:
    made = Record(
        at_us=n, organization_id=1, key_id=1, secret_number=1, product_id=1, outcome=0, status=200, demand=1, host="",
        network="", client="", tracking_id=f"t-{n}",
    )  # fmt: skip
    return replace(made, **changes)


def read_all(folder) -> tuple[list[Record], list[Gap], int]:
    found, gaps, rest = [], [], 0
    for segment in segments.find(folder):
        offset = 0
        while True:
            reading = segments.read(segment, offset, 4096)
            if reading.offset == max(offset, segments.HEADER_BYTES):
                rest += reading.rest_bytes
                break
            offset = reading.offset
            found += reading.records
            gaps += reading.gaps
    return found, gaps, rest


@given(st.lists(some_records, max_size=5))
def test_records_are_read_as_they_were_written(written):
    data = b"".join(records.encode(one) for one in written)
    assert [one for one, _ in records.decode(data)] == written


@given(some_records, st.data())
def test_a_damaged_frame_is_never_read(written, data):
    frame = bytearray(records.encode(written))
    place = data.draw(st.integers(0, len(frame) - 1))
    frame[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BrokenFrame) as broken:
        list(records.decode(bytes(frame)))
    assert broken.value.offset == 0


@given(some_records, st.data())
def test_a_frame_that_is_cut_short_is_never_read(written, data):
    whole = records.encode(written)
    cut = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(BrokenFrame) as broken:
        list(records.decode(whole + whole[:cut]))
    assert broken.value.offset == len(whole)


def test_a_journal_goes_on_in_a_new_segment_past_its_size(tmp_path):
    journal = Journal(tmp_path / "node", max_bytes=2_000)
    for n in range(200):
        journal.write(records.encode(record(n)), 1)
    found = list(segments.find(tmp_path))
    assert len(found) > 5
    assert [segments.is_sealed(segment) for segment in found] == [True] * (len(found) - 1) + [False]
    journal.close()
    assert segments.is_sealed(found[-1])
    assert [one.at_us for one in read_all(tmp_path)[0]] == list(range(200))
    assert len({segment.id for segment in found}) == len(found)
    assert all(str(segment.id) in segment.path.name and isinstance(segment.id, uuid.UUID) for segment in found)


def test_a_segment_is_sealed_when_its_writer_is_gone(tmp_path):
    program = "import sys, os, pathlib; from gateway.journal import Journal; j = Journal(pathlib.Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "node")], check=False)
    (segment,) = segments.find(tmp_path)
    assert segments.is_sealed(segment)


def test_a_torn_last_record_is_left_over(tmp_path):
    journal = Journal(tmp_path / "node")
    journal.write(records.encode(record(1)) + records.encode(record(2)), 2)
    journal.close()
    with journal.path.open("ab") as file:
        file.write(records.encode(record(3))[:-5])
    found, _, rest = read_all(tmp_path)
    assert [one.at_us for one in found] == [1, 2]
    assert rest == len(records.encode(record(3))) - 5


@pytest.fixture
def disk_limit():
    """Return a function that lets files of this process grow to a size only, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int | None) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, before if size is None else (size, before[1]))

    yield limit
    limit(None)


def test_what_a_full_disk_did_not_take_is_declared_exactly(tmp_path, disk_limit):
    journal = Journal(tmp_path / "node")
    for n in range(10):
        journal.write(records.encode(record(n)), 1)
    disk_limit(journal.path.stat().st_size + 30)  # the next record fits in half
    for n in range(10, 25):
        journal.write(records.encode(record(n)) * 2, 2)
    disk_limit(None)
    journal._retry_at = 0
    journal.write(records.encode(record(25)), 1)
    journal.close()
    found, gaps, rest = read_all(tmp_path)
    assert [one.at_us for one in found] == [*range(10), 25]
    assert [gap.requests for gap in gaps] == [30]
    assert rest == 0


def test_a_gap_is_declared_when_the_journal_ends(tmp_path, disk_limit):
    journal = Journal(tmp_path / "node")
    disk_limit(segments.HEADER_BYTES)
    journal.write(records.encode(record(1)), 1)
    disk_limit(None)
    journal.close()
    assert [gap.requests for gap in read_all(tmp_path)[1]] == [1]


def test_statuses_partition_the_requests():
    found = [record(1, status=status, outcome=0) for status in (200, 304, 400, 404, 429, 429, 500, 503)]
    (delta,) = count([*found, record(2, key_id=0)])
    assert (delta.requests, delta.over_qps, delta.errors_4xx, delta.errors_5xx) == (8, 2, 2, 2)
    assert sum(number for *_, number in delta.reasons) == 6


def test_single_requests_are_kept_up_to_a_hundred_a_minute():
    sampler = Sampler()
    flood = [record(n * 1_000, key_id=n % 2) for n in range(1_000)]
    assert len(sampler.choose(flood[:500])) + len(sampler.choose(flood[500:])) == 200
    assert len(sampler.choose([record(61_000_000 + n) for n in range(300)])) == 100
    assert len(sampler.choose([record(10, outcome=11)])) == 1


def test_the_header_of_a_segment_is_checked(tmp_path):
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "1-x.journal").write_bytes(b"")
    (tmp_path / "node" / "2-x.journal").write_bytes(struct.pack("<24x"))
    assert list(segments.find(tmp_path)) == []
