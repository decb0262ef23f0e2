"""What the templates of support may use."""

from django import template

from support import lines

register = template.Library()
register.filter("person_id", lines.person_id)
