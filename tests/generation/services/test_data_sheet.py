"""What a data set says of itself: its composition, its advice and its data sheet."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from generation.models import Dataset, Rejection, RejectionDecision, SourceImage, Split
from generation.services.composition import composition_of
from generation.services.data_sheet import NOT_GIVEN, write_data_sheet
from generation.services.withdrawing import withdraw_images
from tests.factories import client_of
from tests.generation.factories import make_dataset
from tests.present import present

pytestmark = pytest.mark.django_db


def classed() -> Dataset:
    dataset = make_dataset(
        per_split=10, classes=[{"key": "a", "title": "Type A"}, {"key": "b", "title": "Type B"}]
    )
    for split in (Split.TRAIN, Split.VAL):
        # As they were made, so that the two of class b are of two groups, each of which has others besides.
        rows = list(dataset.images.in_split(split).order_by("created_at"))
        SourceImage.objects.filter(pk__in=[row.pk for row in rows[:8]]).update(class_key="a")
        SourceImage.objects.filter(pk__in=[row.pk for row in rows[8:]]).update(class_key="b")
    return dataset


def test_composition_counts_images_groups_and_classes() -> None:
    dataset = classed()
    composition = composition_of(dataset)
    train, val, held_out = composition.splits
    assert (train.images, train.groups, val.images, held_out.images, held_out.groups) == (10, 4, 10, 0, 0)
    assert [(entry.title, entry.images, entry.is_scarce) for entry in train.classes] == [
        ("Type A", 8, True),
        ("Type B", 2, True),
    ]
    assert not any(entry.is_scarce for entry in val.classes)
    assert [entry.share for entry in train.classes] == [0.8, 0.2]
    assert (composition.images, composition.groups) == (20, 8)


def test_an_empty_class_is_still_shown_and_an_emptied_group_not_counted() -> None:
    dataset = classed()
    group = present(dataset.groups.filter(split=Split.TRAIN).first())
    for image in dataset.images.filter(class_key="b", group__split=Split.TRAIN):
        SourceImage.objects.filter(pk=image.pk).update(
            withdrawn_at=image.created_at, withdrawn_by=dataset.owner
        )
    for image in group.images.all():
        SourceImage.objects.filter(pk=image.pk).update(
            withdrawn_at=image.created_at, withdrawn_by=dataset.owner
        )
    train = composition_of(dataset).splits[0]
    assert train.groups == 3
    assert [entry.images for entry in train.classes if entry.key == "b"] == [0]


def test_advice_is_the_same_on_page_rest_and_data_sheet() -> None:
    dataset = classed()
    told = client_of(dataset.owner).get(f"/api/v1/datasets/{dataset.pk}").json()["advice"]
    assert {"copying_likely", "few_validation_images", "class_too_small"} <= {row["code"] for row in told}
    assert all(set(row) == {"code", "detail"} for row in told)
    client = Client()
    client.force_login(dataset.owner)
    page = client.get(reverse("dataset-page", args=[dataset.pk])).content.decode()
    sheet = write_data_sheet(dataset)
    for row in told:
        assert row["detail"] in sheet
        assert row["detail"].replace("’", "'") in page


def test_the_data_sheet_says_what_is_known_and_what_is_not() -> None:
    dataset = classed()
    ingest = dataset.ingests.get()
    ingest.deidentification = {
        "removed": {"dicom_tags": 41},
        "methods": [
            {"scheme": "DCM", "code": "113100", "meaning": "Basic Application Confidentiality Profile"}
        ],
    }
    ingest.save()
    for code, decision in (("blank", ""), ("blank", ""), ("too_small", RejectionDecision.OVERRULED)):
        Rejection.objects.create(
            ingest=ingest, ordinal="1", code=code, detail="x", decision=decision,
            decided_by=dataset.owner if decision else None, decided_at=ingest.completed_at if decision else None,
        )  # fmt: skip
    sheet = write_data_sheet(dataset)
    for text in (
        "| split | images | groups | Type A | Type B |",
        "| Training | 10 | 4 | 8 | 2 |",
        "| `blank` | 2 |",
        "took them in",
        "`DCM 113100`",
        f"- Licence: {NOT_GIVEN}",
        f"- Lawful basis: {NOT_GIVEN}",
        f"Where the images come from: {NOT_GIVEN}",
        dataset.manifest_digest,
        "None.",
    ):
        assert text in sheet, text
    Dataset.objects.filter(pk=dataset.pk).update(
        licence="CC BY 4.0", lawful_basis="Ethics vote 12/34 | amended"
    )
    image = present(dataset.images.first())
    withdraw_images(actor=dataset.owner, dataset=dataset, images=[image.pk], reason="asked by Mrs Muster")
    again = write_data_sheet(Dataset.objects.get(pk=dataset.pk))
    assert "- Licence: CC BY 4.0" in again
    assert r"vote 12/34 \| amended" in again
    assert ": 1 image(s)" in again
    assert "Muster" not in again
    assert dataset.owner.username not in again


def test_the_data_sheet_is_a_download_for_those_who_see_the_data_set() -> None:
    dataset = classed()
    answer = client_of(dataset.owner).get(f"/api/v1/datasets/{dataset.pk}/data-sheet")
    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.content.decode() == write_data_sheet(dataset)
    assert client_of(make_dataset().owner).get(f"/api/v1/datasets/{dataset.pk}/data-sheet").status_code == 404
    empty = make_dataset()
    assert client_of(empty.owner).get(f"/api/v1/datasets/{empty.pk}/data-sheet").status_code == 200


def test_the_page_is_honest_about_what_was_not_given() -> None:
    dataset = classed()
    client = Client()
    client.force_login(dataset.owner)
    url = reverse("dataset-page", args=[dataset.pk])
    page = client.get(url).content.decode()
    assert page.count("not given") == 5
    assert 'data-if-match="1"' in page
    Dataset.objects.filter(pk=dataset.pk).update(licence="CC BY 4.0", modality="histology")
    assert client.get(url).content.decode().count("not given") == 3
