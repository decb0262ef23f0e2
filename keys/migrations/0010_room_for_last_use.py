"""Leave room in the pages of keys and strings: "last used" moves every few seconds, and a row that stays in its page touches no index.

Rows that are there move once as they change; nothing is written anew, so this takes no time with a million keys.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("keys", "0009_own_limits"),
    ]

    operations = [
        migrations.RunSQL(
            ["ALTER TABLE keys_apikey SET (fillfactor = 70);", "ALTER TABLE keys_keysecret SET (fillfactor = 70);"],
            ["ALTER TABLE keys_apikey RESET (fillfactor);", "ALTER TABLE keys_keysecret RESET (fillfactor);"],
        ),
    ]
