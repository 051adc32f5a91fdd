"""The archive of a batch from which images were discarded: as it was made, or what is kept."""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import Any

import pytest

from evaluation.services.curating import discard_images, restore_images
from generation.models import Batch
from generation.services.archives import archive_of
from tests.factories import client_of
from tests.generation.cast import drained
from tests.generation.factories import make_batch, make_generator

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def batch() -> Batch:
    """Five images, two of them with a class, and one of each kind discarded."""
    generator = make_generator(state="approved", classes=("gland",))
    made = make_batch(generator=generator, count=5)
    made.images.filter(index__in=[1, 2]).update(class_key="gland")
    discard_images(actor=made.requested_by, batch=made, indexes=[0, 2], reason="quality")
    return made


def ask(batch: Batch, query: str) -> Any:
    return drained(client_of(batch.requested_by).get(f"/api/v1/batches/{batch.pk}/archive{query}"))


def test_what_is_kept_comes_as_zip_and_as_tar_of_the_promised_length(batch: Batch) -> None:
    response = ask(batch, "?images=kept")
    assert response["Content-Length"] == str(len(response.content_read))
    with zipfile.ZipFile(io.BytesIO(response.content_read)) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == ["000001.png", "000003.png", "000004.png"]
    response = ask(batch, "?images=kept&format=webdataset")
    assert response["Content-Length"] == str(len(response.content_read))
    with tarfile.open(fileobj=io.BytesIO(response.content_read)) as tar:
        assert sorted(name for name in tar.getnames() if name.endswith(".png")) == [
            "000001.png", "000003.png", "000004.png",
        ]  # fmt: skip
        assert "000001.cls" in tar.getnames()


def test_the_batch_as_it_was_made_is_the_same_bytes_whatever_was_discarded(batch: Batch) -> None:
    after = ask(batch, "")
    restore_images(actor=batch.requested_by, batch=batch, indexes=[0, 2])
    before = ask(batch, "?images=all")
    assert (after.content_read, after["ETag"]) == (before.content_read, before["ETag"])
    assert ask(batch, "?images=kept").content_read == before.content_read


def test_another_choice_has_another_etag(batch: Batch) -> None:
    first = ask(batch, "?images=kept")["ETag"]
    restore_images(actor=batch.requested_by, batch=batch, indexes=[0])
    discard_images(actor=batch.requested_by, batch=batch, indexes=[1], reason="copy")
    assert len({first, ask(batch, "?images=kept")["ETag"], ask(batch, "")["ETag"]}) == 3


def test_what_is_discarded_while_it_is_sent_does_not_break_it(batch: Batch) -> None:
    made = archive_of(batch, "zip", "kept")
    half = made.size // 2
    first = b"".join(made.read(0, half))
    discard_images(actor=batch.requested_by, batch=batch, indexes=[3], reason="copy")
    with zipfile.ZipFile(io.BytesIO(first + b"".join(made.read(half, made.size - half)))) as opened:
        assert opened.testzip() is None
        assert len(opened.namelist()) == 3


def test_nothing_kept_and_nothing_known(batch: Batch) -> None:
    discard_images(actor=batch.requested_by, batch=batch, indexes=range(5), reason="quality")
    for query, status, code in (
        ("?images=kept", 409, "batch_empty"),
        ("?images=some", 422, "unknown_selection"),
    ):
        response = ask(batch, query)
        assert (response.status_code, response.json()["code"]) == (status, code)
    assert ask(batch, "").status_code == 200
