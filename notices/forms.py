"""When a person wants which mails."""

from typing import Any

from django import forms

from accounts.models import User
from notices.kinds import GROUPS, MAIL_WORDS, Group, Mail
from notices.models import Preference


def groups_of(person: User) -> list[Group]:
    """Return the groups that a person may choose."""
    return [group for group in GROUPS if not group.is_mandatory and (person.is_staff or not group.for_staff)]


class ChoicesForm(forms.Form):
    """One choice for each group that can be switched off."""

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        chosen = dict(Preference.objects.filter(person=person).values_list("group", "mail"))
        for group in groups_of(person):
            self.fields[group.code] = forms.ChoiceField(
                label=str(group.name),
                help_text=str(group.explanation),
                choices=[(mail.value, word) for mail, word in MAIL_WORDS.items()],
                initial=chosen.get(group.code, group.default.value),
                widget=forms.RadioSelect,
            )

    def save(self) -> None:
        """Keep the choices; those that are the group's default too, so that another default changes nobody's mind."""
        rows = [
            Preference(person=self.person, group=code, mail=Mail(self.cleaned_data[code]).value) for code in self.fields
        ]
        Preference.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["person", "group"], update_fields=["mail"]
        )
