"""djangorestframework-api-key: `drf_app:application` checks a key and answers 204. Run as a program, it makes the keys.

Runs in a virtual environment of its own. It checks the key only: no products, no domains, no limit, no usage.
"""

import os
import sys
from pathlib import Path

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="benchmark",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    MIDDLEWARE=[],
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework", "rest_framework_api_key"],
    API_KEY_CUSTOM_HEADER="HTTP_X_API_KEY",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "drf",
            "USER": "postgres",
            "HOST": os.environ["DRF_DATABASE_HOST"],
            "CONN_MAX_AGE": None,
        }
    },
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import re_path  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework_api_key.permissions import HasAPIKey  # noqa: E402


class Check(APIView):
    """Answers 204 to whoever has a key."""

    authentication_classes = ()
    permission_classes = (HasAPIKey,)

    def get(self, request: Request) -> Response:
        """Answer."""
        return Response(status=204)


urlpatterns = [re_path("", Check.as_view())]
application = get_wsgi_application()


def make_keys(strings_path: Path, kept: int, in_use: int) -> None:
    """Make so many keys and write the strings of those in use, spread over all."""
    from django.core.management import call_command
    from rest_framework_api_key.models import APIKey

    call_command("migrate", verbosity=0)
    made, strings = [], []
    for number in range(kept):
        key = APIKey(name=f"Key {number}")
        strings.append(APIKey.objects.assign_key(key))
        made.append(key)
    APIKey.objects.bulk_create(made, batch_size=5_000)
    draft = strings_path.with_suffix(".draft")
    draft.write_text("\n".join(strings[:: kept // in_use]))
    draft.rename(strings_path)


if __name__ == "__main__":
    make_keys(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
