"""Sessions in the database, read by a statement that is not put together anew for every request."""

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

from dashboard.statements import read


class SessionStore(db.SessionStore):
    """Django's store of sessions."""

    def load(self) -> dict[str, object]:
        """Return what the session holds; nothing where there is none or it is over."""
        rows = read(_READ, [self.session_key, timezone.now()])
        if not rows:
            self._session_key = None
            return {}
        held: dict[str, object] = self.decode(rows[0][0])
        return held


_READ = f"SELECT session_data FROM {Session._meta.db_table} WHERE session_key = %s AND expire_date > %s"  # noqa: S608 - Django's name of it
