"""A pytest plugin that is there before the settings are read: a data folder and a PostgreSQL for this run alone."""

import os
import tempfile

if "LATCHKEY_TEST_RUN" not in os.environ:  # workers inherit what the first process made
    os.environ["LATCHKEY_TEST_RUN"] = "1"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    os.environ["DEBUG"] = "1"
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="latchkey-test-")
    os.environ["DATABASE_POOL_SIZE"] = "30"  # for tests with many threads
    os.environ["EMAIL_URL"] = "memorymail://"

    from dashboard import postgres

    postgres.provide()
