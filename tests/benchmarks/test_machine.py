"""What the benchmarks read about processes."""

import os
import subprocess

from benchmarks import machine


def test_a_process_is_counted_with_its_children_and_one_that_has_ended_costs_nothing():
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            assert process.pid in machine.children(os.getpid())
            assert machine.children(process.pid) == []
            assert machine.cpu_s([process.pid]) >= 0
        finally:
            process.kill()
    assert process.pid not in machine.children(os.getpid())
    assert machine.children(process.pid) == []
    assert machine.cpu_s([process.pid]) == 0
