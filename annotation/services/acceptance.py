"""What became of synthetic images in front of clinicians, for the report of their measurement."""

from __future__ import annotations

from collections import Counter

from django.db.models import Count, Q

from annotation.models import DECIDED_ITEM_STATES, Item, ItemState
from evaluation.models import ImageSet
from evaluation.services.clinicians import Acceptance, Share


def acceptance_in_studies(image_set: ImageSet) -> Acceptance:
    """Over all studies: an image that two studies decided counts twice, once for each. The twin is their hidden real images."""
    items = Item.objects.filter(state__in=DECIDED_ITEM_STATES)
    rows = items.filter(synthetic_image__in=image_set.members().order_by())
    decided = rows.values_list("state", "outcome__discard_reason", "study__schema__discard_reasons")
    accepted, reasons = 0, Counter[str]()
    for state, key, known in decided:
        if state == ItemState.ACCEPTED:
            accepted += 1
        else:
            reasons[next((row["title"] for row in known if row["key"] == key), key)] += 1
    real = items.filter(source_image__isnull=False, study__in=rows.values("study")).aggregate(
        judged=Count("pk"), accepted=Count("pk", filter=Q(state=ItemState.ACCEPTED))
    )
    return Acceptance(
        judged=accepted + reasons.total(),
        accepted=accepted,
        reasons=tuple(reasons.most_common()),
        real=Share(**real) if real["judged"] else None,
    )
