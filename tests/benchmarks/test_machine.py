"""What the benchmarks read about processes."""

import os
import subprocess

from benchmarks import machine


def test_a_process_is_found_among_the_children_until_it_has_ended():
    with subprocess.Popen(["sleep", "60"]) as process:
        assert process.pid in machine.children(os.getpid())
        process.kill()
    assert process.pid not in machine.children(os.getpid())
    assert machine.cpu_s([process.pid]) == 0


def test_processes_that_come_and_go_meanwhile_spoil_no_count():
    looks = 0
    with subprocess.Popen(["sh", "-c", "i=0; while [ $i -lt 600 ]; do /bin/true; i=$((i+1)); done"]) as process:
        while process.poll() is None:
            machine.cpu_s([process.pid])
            looks += 1
    assert looks > 10
