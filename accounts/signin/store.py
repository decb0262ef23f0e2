"""Sessions in the database, read by a statement that is not put together anew for every request."""

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone


class SessionStore(db.SessionStore):
    """Django's store of sessions."""

    def load(self) -> dict[str, object]:
        """Return what the session holds; nothing where there is none or it is over."""
        with connection.cursor() as cursor:
            cursor.execute(_READ, [self.session_key, timezone.now()])
            row = cursor.fetchone()
        if row is None:
            self._session_key = None
            return {}
        held: dict[str, object] = self.decode(row[0])
        return held


_READ = f"SELECT session_data FROM {Session._meta.db_table} WHERE session_key = %s AND expire_date > %s"  # noqa: S608 - Django's name of it
