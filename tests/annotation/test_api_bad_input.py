"""Bad input gets a problem document, never a 500, and changes nothing."""

from __future__ import annotations

import json
import uuid

import pytest

from annotation.models import Annotation, Item, LabelSchema, Read, Study
from tests.annotation.calls import API, claim, post, submit
from tests.annotation.factories import (
    GLAND,
    Scene,
    make_batch,
    make_dataset,
)
from tests.factories import client_of

pytestmark = pytest.mark.django_db


BAD = [
    ("label-schemas", {}),
    ("label-schemas", {"name": "x", "classes": [], "discard_reasons": [{"key": "a", "title": "A"}]}),
    ("label-schemas", {"name": "x", "classes": [1], "discard_reasons": [{"key": "a", "title": "A"}]}),
    ("label-schemas", {"name": "x", "classes": [{"key": "A b", "title": "A"}], "discard_reasons": [{"key": "a", "title": "A"}]}),
    ("label-schemas", {"name": "x", "classes": [{"key": "a", "title": "A"}] * 2, "discard_reasons": [{"key": "a", "title": "A"}]}),
    ("label-schemas", {"name": "x", "classes": [{"key": "a", "title": "A", "mask": "required"}], "discard_reasons": [{"key": "a", "title": "A"}]}),
    ("label-schemas", {"name": "x", "classes": [{"key": "a", "title": "A", "colour": "red"}], "discard_reasons": [{"key": "a", "title": "A"}]}),
    ("label-schemas", {"name": "x", "classes": [{"key": "a", "title": "A", "code": "1"}], "discard_reasons": [{"key": "a", "title": "A"}]}),
    ("label-schemas", {"name": "x", "classes": [{"key": "a", "title": "A", "order": 1}], "discard_reasons": [{"key": "a", "title": "A"}]}),
    ("label-schemas", {"name": "x", "classes": [{"key": "a", "title": "A"}], "discard_reasons": []}),
    ("label-schemas", {"name": "x", "classes": [{"key": {"a": 1}, "title": ["A"]}], "discard_reasons": [{"key": "a", "title": "A"}]}),
    ("studies", {}),
    ("studies", {"title": "x", "schema": "no uuid"}),
    ("studies", {"title": "x", "schema": str(uuid.uuid4())}),
    ("studies", {"title": "x" * 161, "schema": "{schema}"}),
    ("studies", {"title": "x", "schema": "{schema}", "reads_per_item": 0}),
    ("studies", {"title": "x", "schema": "{schema}", "reads_per_item": 10**9}),
    ("studies", {"title": "x", "schema": "{schema}", "sample_share": 2}),
    ("studies", {"title": "x", "schema": "{schema}", "approval_policy": "never"}),
    ("studies", {"title": "x", "schema": "{schema}", "dataset": str(uuid.uuid4())}),
    ("studies/{study}/fill", {}),
    ("studies/{study}/fill", {"batches": []}),
    ("studies/{study}/fill", {"batches": ["x"]}),
    ("studies/{study}/fill", {"batches": [str(uuid.uuid4())]}),
    ("studies/{study}/fill", {"batches": ["{foreign}"]}),
    ("studies/{study}/fill", {"batches": ["{batch}"], "limit": 0}),
    ("studies/{study}/members", {"user": "x", "role": "reader"}),
    ("studies/{study}/members", {"user": str(uuid.uuid4()), "role": "reader"}),
    ("studies/{study}/members", {"user": "{reader}", "role": "king"}),
    ("studies/{study}/assign", {"reads": [str(uuid.uuid4())], "reader": "{reader}"}),
    ("studies/{study}/assign", {"reads": "x"}),
    ("studies/{study}/open", {}),
    ("snapshots", {"study": "{study}", "name": "x"}),
    ("snapshots", {"study": "{study}", "name": "", "filters": {}}),
    ("snapshots", {"study": "{study}", "name": "x", "filters": {"classes": {"a": 1}}}),
    ("snapshots", {"study": str(uuid.uuid4()), "name": "x"}),
    ("exports", {"snapshot": str(uuid.uuid4()), "format": "coco"}),
    ("exports", {"snapshot": "x", "format": "floppy"}),
    ("reviews", {"annotation": str(uuid.uuid4()), "verdict": "accept"}),
    ("reviews", {"annotation": str(uuid.uuid4()), "verdict": "maybe"}),
    ("reviews", {"annotation": str(uuid.uuid4()), "verdict": "overrule"}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body"), BAD)
def test_bad_input_gets_a_problem_document_and_changes_nothing(path, body):
    scene = Scene(1)
    foreign = make_batch(make_dataset(), 1)
    names = {
        "study": scene.study.pk, "schema": scene.study.schema_id, "batch": scene.batch.pk, "reader": scene.reader.pk,
        "foreign": foreign.pk,
    }  # fmt: skip
    for name, value in names.items():
        path = path.replace(f"{{{name}}}", str(value))
        body = json.loads(json.dumps(body).replace(f"{{{name}}}", str(value)))
    before = [model.objects.count() for model in (LabelSchema, Study, Item, Read, Annotation)]
    answer = post(client_of(scene.manager), f"{API}/{path}", body)
    assert 400 <= answer.status_code < 500, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"]
    assert [model.objects.count() for model in (LabelSchema, Study, Item, Read, Annotation)] == before


@pytest.mark.parametrize("count", [0, 4, -1, "x", None, 1.5, [1]])
def test_a_claim_for_a_wrong_count_is_refused(count):
    scene = Scene(1)
    answer = post(client_of(scene.reader), f"{API}/studies/{scene.study.pk}/claim", {"count": count})
    assert answer.status_code == 422 or answer.status_code == 400
    assert not Read.objects.filter(state="leased").exists()


@pytest.mark.parametrize("answer", [{}, {"decision": "labelled", "classes": [{}]}, {**GLAND, "regions": [{"kind": []}]},
                                    {**GLAND, "regions": [{"kind": "box", "class": {}, "geometry": "x"}]}])  # fmt: skip
def test_a_wrong_answer_is_422_by_its_field(answer):
    scene = Scene(1)
    client = client_of(scene.reader)
    (read,) = claim(client, scene)["reads"]
    refused = submit(client, read, answer)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"]
