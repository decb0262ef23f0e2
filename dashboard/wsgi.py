"""The dashboard for a WSGI server: `granian --interface wsgi dashboard.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
application = get_wsgi_application()

from keys.models import KeyringCheck  # noqa: E402  (models exist once Django is set up)

KeyringCheck.verify()
