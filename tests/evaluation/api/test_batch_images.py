"""`batches/{id}/images`: filters, orders, windows, thumbnails; discarding and restoring over REST."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from evaluation.models import ImageScore
from generation.models import Batch, ImageDecision
from synthlab.core.files import open_digest, path_of
from synthlab.core.models import AuditEvent
from tests.evaluation.factories import make_evaluation, make_image_set
from tests.generation.cast import ROLES, Cast, drained
from tests.generation.factories import make_batch, make_generator

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

# index: class, ratio, flags
SHOWN: list[tuple[str, float, list[str]]] = [
    ("a", 0.9, []),
    ("b", 0.2, ["copy"]),
    ("a", 1.1, ["duplicate"]),
    ("b", 0.2, ["identical", "copy"]),
    ("a", 0.5, ["constant", "duplicate"]),
    ("b", 1.4, []),
]


@pytest.fixture
def cast() -> Cast:
    return Cast()


@pytest.fixture
def batch(cast: Cast) -> Batch:
    """Six measured images of two classes."""
    generator = make_generator(dataset=cast.dataset, state="approved", classes=("a", "b"))
    made = make_batch(generator=generator, count=len(SHOWN))
    evaluation = make_evaluation(image_set=make_image_set(batch=made))
    for image, (class_key, ratio, flags) in zip(made.images.order_by("index"), SHOWN, strict=True):
        image.class_key = class_key
        image.save(update_fields=["class_key"])
        ImageScore.objects.create(
            evaluation=evaluation, image=image, distance=0.1, ratio=ratio, p_value=0.3, flags=flags
        )
    return made


@pytest.fixture
def owner(cast: Cast) -> Any:
    return cast.client("owner")


def url(batch: Batch, rest: str = "") -> str:
    return f"/api/v1/batches/{batch.pk}/images{rest}"


def listed(client: Any, batch: Batch, query: str = "") -> list[int]:
    response = client.get(url(batch, query))
    assert response.status_code == 200, response.content
    return [image["index"] for image in response.json()["results"]]


def post(client: Any, batch: Batch, what: str, status: int = 200, **body: Any) -> Any:
    response = client.post(url(batch, f"/{what}"), body, format="json")
    assert response.status_code == status, response.content
    return response.json()


QUERIES = [
    ("", [0, 1, 2, 3, 4, 5]),
    ("?class=a", [0, 2, 4]),
    ("?flag=copy", [1, 3]),
    ("?flag=identical", [3]),
    ("?flag=identical_reference", []),
    ("?flag=any", [1, 2, 3, 4]),
    ("?flag=none", [0, 5]),
    ("?min_ratio=0.5&max_ratio=1.1", [0, 2, 4]),
    ("?class=b&max_ratio=0.2", [1, 3]),
    ("?ordering=ratio", [1, 3, 4, 0, 2, 5]),
    ("?ordering=-ratio", [5, 2, 0, 4, 3, 1]),
    ("?ordering=ratio&flag=duplicate", [4, 2]),
]


@pytest.mark.parametrize(("query", "indexes"), QUERIES)
def test_a_filter_leaves_the_same_images_as_a_list_and_as_indexes(
    owner: Any, batch: Batch, query: str, indexes: list[int]
) -> None:
    assert listed(owner, batch, query) == indexes
    response = owner.get(url(batch, f"/indexes{query}"))
    assert list(struct.unpack(f"<{len(response.content) // 4}I", response.content)) == indexes


def test_pages_of_images_that_are_all_tied_lose_none(owner: Any, batch: Batch) -> None:
    ImageScore.objects.update(ratio=0.5)
    seen, address = [], url(batch, "?ordering=ratio&page_size=2")
    while address:
        page = owner.get(address).json()
        seen += [image["index"] for image in page["results"]]
        address = page["next"]
    assert seen == [0, 1, 2, 3, 4, 5]


def test_an_image_is_listed_with_all_that_is_known_of_it(owner: Any, batch: Batch) -> None:
    post(owner, batch, "discard", indexes=[[3, 3]], reason="copy")
    first, *_, third = owner.get(url(batch, "?page_size=4")).json()["results"]
    assert (first["distance"], first["ratio"], first["p_value"], first["flags"]) == (0.1, 0.9, 0.3, [])
    assert (first["discarded"], third["discarded"], third["flags"]) == (None, "copy", ["identical", "copy"])
    assert first["recipe"]["index"] == 0


def test_what_was_not_measured_has_no_score_and_no_place_in_an_order_of_scores(
    owner: Any, cast: Cast, batch: Batch
) -> None:
    ImageScore.objects.filter(image__index=1).delete()
    assert listed(owner, batch, "?ordering=ratio") == [3, 4, 0, 2, 5]
    assert listed(owner, batch, "?ordering=-ratio") == [5, 2, 0, 4, 3]
    assert 1 not in listed(owner, batch, "?flag=none") + listed(owner, batch, "?max_ratio=9")
    bare = make_batch(generator=make_generator(dataset=cast.dataset), count=2)
    rows = owner.get(url(bare)).json()["results"]
    assert [(row["ratio"], row["flags"]) for row in rows] == [(None, None)] * 2
    assert listed(owner, bare, "?flag=any") == []


@pytest.mark.parametrize(
    "query",
    [
        "?colour=red", "?flag=ugly", "?min_ratio=nan", "?min_ratio=x", "?discarded=maybe", "?ordering=digest",
        "?page_size=0", "?cursor=x", "/indexes?cursor=x", "/cells", "/cells?indexes=", "/cells?indexes=1,,2",
        "/cells?indexes=0-256", "/cells?indexes=0-999999", "/thumbnails?indexes=-1", "/thumbnails?indexes=1.5",
        "/cells?indexes=٣",
    ],
)  # fmt: skip
def test_queries_that_nobody_declared_are_refused(owner: Any, batch: Batch, query: str) -> None:
    response = owner.get(url(batch, query))
    assert response.status_code == 400, response.content
    assert response.json()["code"] in {"invalid_query", "invalid_cursor"}


def test_counts_speak_of_what_is_kept(owner: Any, batch: Batch) -> None:
    post(owner, batch, "discard", indexes=[[3, 3], [5, 5]], reason="copy")
    assert owner.get(url(batch, "/counts")).json() == {
        "images": 6, "kept": 4, "discarded": 2, "measured": 4, "flagged": 3,
        "classes": {"a": 3, "b": 1}, "flags": {"copy": 1, "duplicate": 2, "constant": 1},
    }  # fmt: skip


def test_a_window_comes_by_index_and_leaves_out_what_is_not_there(owner: Any, batch: Batch) -> None:
    post(owner, batch, "discard", indexes=[[1, 1]], reason="quality")
    cells = owner.get(url(batch, "/cells?indexes=4,0-1,200")).json()
    assert [cell["index"] for cell in cells] == [0, 1, 4]
    assert cells[1] == {
        "index": 1, "class": "b", "ratio": 0.2, "flags": ["copy"], "discarded": "quality",
    }  # fmt: skip


def unpacked(content: bytes) -> dict[int, bytes]:
    (count,) = struct.unpack_from("<I", content)
    numbers = struct.unpack_from(f"<{2 * count}I", content, 4)
    files, at = {}, 4 + 8 * count
    for index, length in zip(numbers[::2], numbers[1::2], strict=True):
        files[index] = content[at : at + length]
        at += length
    assert at == len(content)
    return files


def test_thumbnails_are_the_files_in_one_answer(owner: Any, batch: Batch) -> None:
    response = owner.get(url(batch, "/thumbnails?indexes=5,0-2"))
    assert response.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    files = unpacked(response.content)
    assert list(files) == [5, 0, 1, 2]
    for image in batch.images.filter(index__in=files):
        with open_digest(image.digest) as file:
            assert files[image.index] == file.read()


def test_a_pack_that_lacks_an_image_is_not_kept_by_browsers(owner: Any, batch: Batch) -> None:
    path_of(batch.images.get(index=2).digest).unlink()
    for query, lacking in (("0,7", 7), ("1-3", 2)):
        response = owner.get(url(batch, f"/thumbnails?indexes={query}"))
        assert (response.headers["Cache-Control"], unpacked(response.content)[lacking]) == ("no-store", b"")


def test_discarding_by_id_by_index_and_by_filter(owner: Any, batch: Batch) -> None:
    ids = [str(pk) for pk in batch.images.filter(index__in=[0, 2]).values_list("pk", flat=True)]
    first = post(owner, batch, "discard", images=ids, reason="artefact", comment="two heads")
    assert (first["changed"], first["decision"]["indexes"]) == (2, [[0, 0], [2, 2]])
    second = post(owner, batch, "discard", filter={"flag": "copy", "discarded": "false"}, reason="copy")
    assert (second["changed"], second["decision"]["indexes"]) == (2, [[1, 1], [3, 3]])
    third = post(owner, batch, "discard", indexes=[[0, 4]], reason="quality")
    assert (third["changed"], third["unchanged"]) == (1, 4)
    assert listed(owner, batch, "?discarded=false") == [5]
    assert listed(owner, batch, "?discarded=true&class=a") == [0, 2, 4]
    undone = post(owner, batch, "restore", decision=second["decision"]["id"])
    assert (undone["changed"], undone["decision"]["action"]) == (2, "restored")
    assert listed(owner, batch, "?discarded=false") == [1, 3, 5]
    told = owner.get(url(batch, "/decisions")).json()["results"]
    assert [row["image_count"] for row in told] == [2, 1, 2, 2]


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("discard", {"indexes": [[0, 0]]}),
        ("discard", {"reason": "copy"}),
        ("discard", {"indexes": [[0, 0]], "filter": {}, "reason": "copy"}),
        ("discard", {"indexes": [[0]], "reason": "copy"}),
        ("discard", {"indexes": [[0, 100_000]], "reason": "copy"}),
        ("discard", {"indexes": [[1, 0]], "reason": "copy"}),
        ("discard", {"indexes": [[4, 9]], "reason": "copy"}),
        ("discard", {"indexes": [], "reason": "copy"}),
        ("discard", {"indexes": [[0, 0]], "reason": "ugly"}),
        ("discard", {"indexes": [[0, 0]], "reason": "other"}),
        ("discard", {"images": ["1"], "reason": "copy"}),
        ("discard", {"images": ["5f0d1e5e-0000-4000-8000-000000000000"], "reason": "copy"}),
        ("discard", {"filter": {"colour": "red"}, "reason": "copy"}),
        ("discard", {"filter": {"flag": "identical_reference"}, "reason": "copy"}),
        ("discard", {"filter": [], "reason": "copy"}),
        ("discard", {"indexes": [[0, 0]], "reason": "copy", "decision": None}),
        ("restore", {}),
        ("restore", {"indexes": [[0, 0]], "reason": "copy"}),
        ("restore", {"decision": "5f0d1e5e-0000-4000-8000-000000000000"}),
    ],
)
def test_bad_wishes_are_refused_whole(owner: Any, batch: Batch, what: str, body: dict[str, Any]) -> None:
    response = owner.post(url(batch, f"/{what}"), body, format="json")
    assert response.status_code in {400, 422}, response.content
    assert (ImageDecision.objects.count(), batch.images.discarded().count()) == (0, 0)


def test_the_same_key_discards_once(owner: Any, batch: Batch) -> None:
    body = {"indexes": [[0, 0]], "reason": "copy"}
    told = [
        owner.post(url(batch, "/discard"), body, format="json", HTTP_IDEMPOTENCY_KEY="discard-one-image")
        for _ in range(2)
    ]
    assert told[0].json() == told[1].json()
    assert AuditEvent.objects.filter(action="batch_images.discarded").count() == 1


def test_who_may_look_and_who_may_discard(cast: Cast, batch: Batch) -> None:
    reads = ("", "/indexes", "/counts", "/cells?indexes=0", "/thumbnails?indexes=0", "/decisions")
    for role in ROLES:
        client = cast.client(role)
        seen = {"owner": 200, "member": 200, "viewer": 200, "anonymous": 401}.get(role, 404)
        for rest in reads:
            assert drained(client.get(url(batch, rest))).status_code == seen, (role, rest)
        acts = {"owner": 200, "member": 200, "viewer": 403, "anonymous": 401}.get(role, 404)
        for what, body in (("discard", {"reason": "copy"}), ("restore", {})):
            response = client.post(url(batch, f"/{what}"), {"indexes": [[0, 0]], **body}, format="json")
            assert response.status_code == acts, (role, what)
