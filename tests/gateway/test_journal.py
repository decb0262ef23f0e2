"""The journal file: frames, torn tails, a disk that is full; what is counted and what is kept one by one."""

import resource
import struct
import subprocess
import sys
import uuid
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import batches, ledger, records, segments
from gateway.batches import Tally, count, tally
from gateway.journal import Journal
from gateway.ledger import Ledger
from gateway.records import BrokenFrame, Correction, Gap, Group, Hits, Record, Series
from gateway.requests import Request

big = st.integers(0, 2**63 - 1)
numbers = st.integers(0, 2**32 - 1)
texts = st.text("abcdefghijklmnopqrstuvwxyz0123456789.:/-", max_size=50)
groups = st.builds(Group, big, big, numbers, big, st.integers(0, 255), st.integers(100, 599))
some_records = st.builds(Record, group=numbers, at_us=big, host=texts, network=texts, client=texts, tracking_id=texts)
hits = st.lists(st.tuples(numbers, numbers, big), max_size=5)
frames = st.one_of(
    some_records.map(records.encode_record),
    st.builds(records.encode_group, numbers, groups),
    st.builds(Gap, from_us=big, until_us=big, requests=big).map(records.encode_gap),
    hits.map(lambda found: records.encode_hits(b"".join(records.pack_hit(*hit) for hit in found))),
)

ADA = Group(organization_id=1, key_id=1, secret_number=1, product_id=1, outcome=0, status=200)
REFUSED = ADA._replace(outcome=10, status=403)
REQUEST = Request(b"GET", b"/", {b"user-agent": b"curl/8.5.0"}, b"", "203.0.113.5", True)


def frame_of(*times_us: int, group: int = 0) -> bytes:
    return records.encode_hits(b"".join(records.pack_hit(group, 1, at_us) for at_us in times_us))


def read_all(folder) -> tuple[list[tuple[Group, int]], list[Record], list[Gap], int]:
    """What all segments hold: (group, time) of each counted request, records, gaps; and the bytes left over."""
    counted, kept, gaps, rest = [], [], [], 0
    for segment in segments.find(folder):
        reader, offset = segments.Reader(segment), 0
        while True:
            reading = reader.read(offset, 4096)
            if reading.is_empty:
                rest += reading.rest_bytes
                break
            offset = reading.offset
            found = [hit for turn in reading.hits for hit in records.read_hits(turn.packed)]
            counted += [(reading.groups.get(number), at_us) for number, _, at_us in found]
            kept += reading.records
            gaps += reading.gaps
    return counted, kept, gaps, rest


def times(folder) -> list[int]:
    return [at_us for _, at_us in read_all(folder)[0]]


@given(hits, groups, some_records)
def test_entries_are_read_as_they_were_written(counted, group, record):
    packed = b"".join(records.pack_hit(*hit) for hit in counted)
    data = records.encode_group(7, group) + records.encode_hits(packed) + records.encode_record(record)
    found = [entry for entry, _ in records.decode(data)]
    assert found == [records.Beginning(7, group), Hits(packed), record]
    assert list(records.read_hits(packed)) == counted


def test_entries_of_an_earlier_day_are_read():
    """A gateway may leave a journal behind that a newer shipper ships."""
    data = bytes.fromhex(
        "2400000061901a0704070000000b000000000000000c0000000000000002000000030000000000000000c8002100000077beb7e00107000000"
        "0100000001402046484706000700000002000000024020464847060039000000dfe225a5050700000001402046484706000c0e07076d617073"
        "2e6578616d706c653230332e302e3131332e302f323446697265666f7874726163652d3119000000ca6f6f6402034020464847060009402046"
        "484706002a000000000000002b0000003dd9a2f70301402046484706000b000000000000000c00000000000000030000000000000002000000"
        "f6011f0000002b000000359b645c0302402046484706000b000000000000000c000000000000000300000000000000020000009401ffffffff"
    )
    at_us = 1_767_225_600_000_000
    assert [entry for entry, _ in records.decode(data)] == [
        records.Beginning(7, Group(11, 12, 2, 3, 0, 200)),
        Hits(records.pack_hit(7, 1, at_us + 1) + records.pack_hit(7, 2, at_us + 2)),
        Record(7, at_us + 1, "maps.example", "203.0.113.0/24", "Firefox", "trace-1"),
        Gap(at_us + 3, at_us + 9, 42),
        Correction(at_us + 1, 11, 12, 2, 3, 502, 31),
        Correction(at_us + 2, 11, 12, 2, 3, 404, None),
    ]


@given(frames, st.data())
def test_a_damaged_frame_is_never_read(frame, data):
    damaged = bytearray(frame)
    place = data.draw(st.integers(0, len(damaged) - 1))
    damaged[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BrokenFrame) as broken:
        list(records.decode(bytes(damaged)))
    assert broken.value.offset == 0


@given(frames, st.data())
def test_a_frame_that_is_cut_short_is_never_read(whole, data):
    cut = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(BrokenFrame) as broken:
        list(records.decode(whole + whole[:cut]))
    assert broken.value.offset == len(whole)


@pytest.mark.parametrize("payload", [b"\x01" + b"x" * 15, b"\x02", b"\x05" + b"x" * 3, b"\x09", b"\x00"])
def test_a_whole_frame_of_another_program_is_not_read(payload):
    with pytest.raises(BrokenFrame):
        list(records.decode(records._frame(payload)))


def test_a_journal_goes_on_in_a_new_segment_past_its_size(tmp_path):
    journal = Journal(tmp_path / "node", max_bytes=2_000)
    follows = [journal.write(frame_of(n), 1) for n in range(200)]
    found = list(segments.find(tmp_path))
    assert len(found) == follows.count(False) + 1 > 2
    assert [segments.is_sealed(segment) for segment in found] == [True] * (len(found) - 1) + [False]
    journal.close()
    assert segments.is_sealed(found[-1])
    assert times(tmp_path) == list(range(200))
    assert len({segment.id for segment in found}) == len(found)
    assert all(str(segment.id) in segment.path.name and isinstance(segment.id, uuid.UUID) for segment in found)


def test_a_segment_is_sealed_when_its_writer_is_gone(tmp_path):
    program = "import sys, os, pathlib; from gateway.journal import Journal; j = Journal(pathlib.Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "node")], check=False)
    (segment,) = segments.find(tmp_path)
    assert segments.is_sealed(segment)


def test_a_torn_last_record_is_left_over(tmp_path):
    journal = Journal(tmp_path / "node")
    journal.write(frame_of(1) + frame_of(2), 2)
    journal.close()
    with journal.path.open("ab") as file:
        file.write(frame_of(3)[:-5])
    *_, rest = read_all(tmp_path)
    assert times(tmp_path) == [1, 2]
    assert rest == len(frame_of(3)) - 5


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
        journal.write(frame_of(n), 1)
    disk_limit(journal.path.stat().st_size + 20)  # the next frame fits in half
    for n in range(10, 25):
        assert not journal.write(frame_of(n, n), 2)
    disk_limit(None)
    journal._retry_at = 0
    assert journal.write(frame_of(25), 1)
    journal.close()
    _, _, gaps, rest = read_all(tmp_path)
    assert times(tmp_path) == [*range(10), 25]
    assert [gap.requests for gap in gaps] == [30]
    assert rest == 0


def test_a_gap_is_declared_when_the_journal_ends(tmp_path, disk_limit):
    journal = Journal(tmp_path / "node")
    disk_limit(segments.HEADER_BYTES)
    journal.write(frame_of(1), 1)
    disk_limit(None)
    journal.close()
    assert [gap.requests for gap in read_all(tmp_path)[2]] == [1]


def note(book: Ledger, group: Group, at_us: int, **given) -> None:
    book.note(Series(group), at_us, given.get("demand", 1), REQUEST, "app.example.com", f"t-{at_us}")


def make_ledger(folder, kept_per_second: int = 1_000, **options) -> tuple[Ledger, Journal]:
    journal = Journal(folder / "node", **options)
    return Ledger(journal, (), kept_per_second), journal


def test_a_group_is_known_in_each_segment_whatever_was_lost_before(tmp_path, disk_limit):
    """Also when corrections, which come from elsewhere, are what begins the new segment or is lost."""
    book, journal = make_ledger(tmp_path, kept_per_second=0, max_bytes=1_000)
    correction = records.encode_correction(Correction(1, 1, 1, 1, 1, 500, None, bytes(12)))
    for n in range(300):
        if n == 200:
            disk_limit(journal.path.stat().st_size)
        note(book, ADA if n % 3 else REFUSED, n)
        if n % 2:
            book.write(correction)
        if n == 205:
            disk_limit(None)
            journal._retry_at = 0
    book.write()
    journal.close()
    counted, _, gaps, rest = read_all(tmp_path)
    written = [n for n in range(300) if not 200 <= n <= 205]
    assert counted == [(ADA if n % 3 else REFUSED, n) for n in written]
    assert [gap.requests for gap in gaps] == [6]
    assert rest == 0
    assert len(list(segments.find(tmp_path))) > 5


def test_a_turn_with_more_requests_than_a_frame_holds_is_written_whole(tmp_path):
    book, _ = make_ledger(tmp_path, kept_per_second=0)
    many = 2 * records.HITS_MAX + 1
    for n in range(many):
        note(book, ADA, n)
    book.write()
    (segment,) = segments.find(tmp_path)
    reading = segments.Reader(segment).read(0, 1_000_000)
    assert [one.requests for one in tally(reading.groups, reading.hits)] == [many]
    assert [len(turn.packed) // 16 for turn in reading.hits] == [records.HITS_MAX, records.HITS_MAX, 1]


def test_reading_goes_on_where_another_reader_stopped(tmp_path):
    book, _ = make_ledger(tmp_path, kept_per_second=0)
    (segment,) = segments.find(tmp_path)
    one, other = segments.Reader(segment), segments.Reader(segment)
    offset = 0
    for n in range(10):
        note(book, ADA._replace(key_id=n), n)
        note(book, ADA, n)
        book.write()
        reading = (one, other)[n % 2].read(offset, 100_000)
        offset = reading.offset
        assert {each.group.key_id for each in tally(reading.groups, reading.hits)} == {n, 1}
    fresh = segments.Reader(segment).read(offset, 100_000)
    assert fresh.is_empty
    assert len(fresh.groups) == 10


@given(st.lists(st.tuples(st.integers(0, 3), numbers, st.integers(0, 10**9)), max_size=200), st.integers(1, 50))
def test_requests_are_tallied_by_group_and_minute(found, turn):
    named = {number: ADA._replace(key_id=number + 1) for number in range(4)}
    packed = [records.pack_hit(*hit) for hit in found]
    turns = [Hits(b"".join(packed[start : start + turn])) for start in range(0, len(packed), turn)]
    places = {(number, at_us // 60_000_000) for number, _, at_us in found}
    expected = []
    for number, minute in places:
        here = [hit for hit in found if (hit[0], hit[2] // 60_000_000) == (number, minute)]
        peak, last_us = max(hit[1] for hit in here), max(hit[2] for hit in here)
        expected.append(Tally(named[number], minute, len(here), peak, last_us))
    assert sorted(map(str, tally(named, turns))) == sorted(map(str, expected))


def test_statuses_partition_the_requests():
    statuses = Counter((200, 304, 400, 404, 429, 429, 500, 503))
    found = [Tally(ADA._replace(status=status), 1, number, 5, 1) for status, number in statuses.items()]
    (delta,) = count([*found, Tally(ADA._replace(key_id=0), 1, 9, 9, 1)])
    assert (delta.requests, delta.over_qps, delta.errors_4xx, delta.errors_5xx) == (8, 2, 2, 2)
    assert sum(number for *_, number in delta.reasons) == 6
    assert batches.last_uses(found) == {(1, 1): 1}


def kept(folder) -> list[tuple[str, str, str, str]]:
    return [(one.tracking_id, one.host, one.network, one.client) for one in read_all(folder)[1]]


def test_a_single_request_is_kept_with_its_circumstances(tmp_path):
    book, _ = make_ledger(tmp_path)
    note(book, ADA, 5)
    book.write()
    assert kept(tmp_path) == [("t-5", "app.example.com", "203.0.113.0/24", "curl")]


def test_single_requests_are_kept_up_to_a_hundred_a_minute_of_each_group(tmp_path):
    book, _ = make_ledger(tmp_path, kept_per_second=1_000)
    for n in range(500):
        note(book, ADA, n * 10_000)
        note(book, ADA._replace(key_id=2), n * 10_000)
    for n in range(300):
        note(book, ADA, 60_000_000 + n * 10_000)
    book.write()
    assert len(kept(tmp_path)) == 3 * ledger.PER_MINUTE


def test_a_second_keeps_so_many_requests_and_refusals_find_room(tmp_path):
    book, _ = make_ledger(tmp_path, kept_per_second=20)
    for n in range(100):
        note(book, ADA._replace(key_id=n), n)
    for n in range(100, 200):
        note(book, REFUSED._replace(key_id=n), n)
    note(book, ADA, 1_000_000)
    book.write()
    assert [int(name[2:]) for name, *_ in kept(tmp_path)] == [*range(10), *range(100, 110), 1_000_000]
    assert len(times(tmp_path)) == 201  # left out of the log, not of the counts


def test_the_header_of_a_segment_is_checked(tmp_path):
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "1-x.journal").write_bytes(b"")
    (tmp_path / "node" / "2-x.journal").write_bytes(struct.pack("<24x"))
    assert list(segments.find(tmp_path)) == []
