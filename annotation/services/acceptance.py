"""What became of synthetic images in front of clinicians, for the report of their measurement."""

from __future__ import annotations

from collections import Counter

from annotation.models import DECIDED_ITEM_STATES, Item, ItemState
from evaluation.models import ImageSet
from evaluation.services.clinicians import Acceptance


def acceptance_in_studies(image_set: ImageSet) -> Acceptance:
    """Over all studies: an image that two studies decided counts twice, once for each."""
    rows = Item.objects.filter(
        synthetic_image__in=image_set.members().order_by(), state__in=DECIDED_ITEM_STATES
    )
    decided = rows.values_list("state", "outcome__discard_reason", "study__schema__discard_reasons")
    accepted, reasons = 0, Counter[str]()
    for state, key, known in decided:
        if state == ItemState.ACCEPTED:
            accepted += 1
        else:
            reasons[next((row["title"] for row in known if row["key"] == key), key)] += 1
    return Acceptance(accepted + reasons.total(), accepted, tuple(reasons.most_common()))
