"""When keys were last used. It is no configuration: no revision moves, and nobody's edit is logged."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from tenants.models import Credential

NOTED = timedelta(minutes=1)
"""A key that is used all the time is noted no more often than this."""


@transaction.atomic
def store_uses(moments: Mapping[int, datetime]) -> None:
    """Store when keys were used, by their ids. A newer moment stays. In one order, so that nobody waits in a circle."""
    for credential_id, moment in sorted(moments.items()):
        older = Q(last_used_at=None) | Q(last_used_at__lt=moment)
        Credential.objects.filter(older, pk=credential_id).update(last_used_at=moment)


def note_use(credential: Credential) -> None:
    """A key was used just now, by a caller who asks the database anyway."""
    now = timezone.now()
    if credential.last_used_at is None or credential.last_used_at < now - NOTED:
        store_uses({credential.pk: now})
