"""A pytest plugin that is there before the settings are read: a data folder and a PostgreSQL for this run alone."""

import os
import signal
import sys
import tempfile

# Nearly two hundred processes are started from here: each would compile the whole project anew, and each worker all tests.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell has what it runs in the background ignore Ctrl-C, and whatever is started from there: tests send it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if "LATCHKEY_TEST_RUN" not in os.environ:  # workers inherit what the first process made
    os.environ["LATCHKEY_TEST_RUN"] = "1"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    os.environ["DEBUG"] = "1"
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="latchkey-test-")
    os.environ["DATABASE_POOL_SIZE"] = "30"  # for tests with many threads
    os.environ["EMAIL_URL"] = "memorymail://"

    import psycopg

    from dashboard import postgres

    if "DATABASE_URL" not in os.environ:
        postgres.provide()
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            for name in ("fsync", "synchronous_commit", "full_page_writes"):  # this data need not survive the machine
                connection.execute(f"ALTER SYSTEM SET {name} = off")
            connection.execute("SELECT pg_reload_conf()")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: the worker with the tests of the demo waits for browsers and processes most of the time."""
    return len(os.sched_getaffinity(0)) + 1
