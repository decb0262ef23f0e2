"""The dashboard for a WSGI server: `granian --interface wsgi dashboard.wsgi:application`."""

import gc
import os

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application
from django.db import connections

from dashboard.roomy import with_room
from dashboard.waiting import InTurn
from keys.tokens import KeyringError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
try:
    django_application = get_wsgi_application()
    from keys.models import KeyringCheck  # models exist once Django is set up

    KeyringCheck.verify()
    for problem in checks.run_checks(tags=["urls"]):
        raise ImproperlyConfigured(problem.msg)
    connections.close_all()  # this thread needs none any more: the pool has one for each turn
    application = with_room(
        InTurn(
            django_application,
            turns=settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"],
            patience_s=settings.DATABASE_WAIT_SECONDS,
            longest_body=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
        )
    )
except (ImproperlyConfigured, KeyringError) as error:
    raise SystemExit(f"Latchkey does not start: {error}") from None
gc.collect()
gc.freeze()  # what is loaded stays: to look through it again and again for garbage takes a tenth of a page's time
gc.set_threshold(
    20_000, 10, 10
)  # and so does a look after every 700 things that are made: a page of keys makes thousands
