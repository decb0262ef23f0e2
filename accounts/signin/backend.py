"""Who a session is of, read by a statement that is not put together anew for every request."""

from allauth.account.auth_backends import AuthenticationBackend

from accounts.models import User
from dashboard.statements import Statement

_PERSON = Statement(lambda pk: User.objects.filter(pk=pk))
_NAMES = [field.attname for field in User._meta.concrete_fields]


class PersonBackend(AuthenticationBackend):
    """allauth's backend: who signs in is asked there."""

    def get_user(self, user_id: int) -> User | None:
        """Return the person, unless they are gone or inactive."""
        for row in _PERSON.rows(user_id):
            person = User.from_db("default", _NAMES, row)
            return person if self.user_can_authenticate(person) else None
        return None
