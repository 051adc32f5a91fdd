"""A hidden real control that is withdrawn: named without its study, and handed to nobody any more."""

from __future__ import annotations

import pytest
from django.utils import timezone

from annotation.models import Item, Read, ReadKind, ReadState
from generation.models import Split
from generation.services.withdrawing import preview_withdrawal, withdraw_images
from tests.annotation.factories import Scene
from tests.generation.factories import make_dataset
from tests.present import present

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def test_a_withdrawn_control_is_read_by_nobody() -> None:
    scene, dataset = Scene(images=2), make_dataset(per_split=2, groups=1)
    image = present(dataset.images.in_split(Split.VAL).first())
    item = Item.objects.create(study=scene.study, source_image=image)
    reads = [
        Read.objects.create(study=scene.study, item=item, kind=ReadKind.CONTROL, ordinal=0, shuffle=0),
        Read.objects.create(
            study=scene.study, item=item, kind=ReadKind.CONTROL, ordinal=1, shuffle=1, state=ReadState.LEASED,
            reader=scene.reader, lease_until=timezone.now(),
        ),
        Read.objects.create(
            study=scene.study, item=item, kind=ReadKind.CONTROL, ordinal=2, shuffle=2, state=ReadState.SUBMITTED,
            reader=scene.reader, submitted_at=timezone.now(),
        ),
    ]  # fmt: skip
    others = Read.objects.exclude(item=item).filter(state=ReadState.OPEN).count()
    touched = preview_withdrawal(actor=dataset.owner, dataset=dataset, images=[image.pk])
    (trace,) = touched.traces
    assert (trace.kind, trace.id) == ("study item", item.pk)
    assert scene.study.title not in str(trace.to_mapping())
    withdraw_images(actor=dataset.owner, dataset=dataset, images=[image.pk], reason="why")
    for read in reads:
        read.refresh_from_db()
    assert [read.state for read in reads] == [ReadState.VOID, ReadState.VOID, ReadState.SUBMITTED]
    assert Read.objects.exclude(item=item).filter(state=ReadState.OPEN).count() == others
