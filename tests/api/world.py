"""One small installation in which every route has something to answer about, and the people who knock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from rest_framework.test import APIClient

from annotation.models import (
    Annotation,
    Export,
    HoldDecision,
    Membership,
    Snapshot,
    SnapshotHold,
    StudyExemplar,
)
from annotation.services import snapshots, studies
from evaluation.models import GatePolicy
from evaluation.services import image_sets
from generation.models import (
    DatasetMember,
    DatasetRole,
    Ingest,
    SyntheticImage,
    Training,
    TrainingSample,
    Upload,
    Withdrawal,
)
from synthlab.accounts.models import User
from synthlab.core.files import store_bytes
from synthlab.core.models import Job
from tests.annotation import factories as annotation
from tests.factories import PASSWORD, make_admin, make_clinician, make_scientist, make_token
from tests.generation.factories import make_generator, make_source_image
from tests.generation.rejecting import make_rejection

OF_BATCH_IMAGES: dict[str, dict[str, Any]] = {
    "POST batches/<uuid:pk>/images/discard": {"indexes": [[0, 0]], "reason": "quality"},
    "POST batches/<uuid:pk>/images/restore": {"indexes": [[0, 0]]},
}


class World:
    """The rows, by the word that stands before them in a URL, and a session for every role."""

    def __init__(self) -> None:
        self.scene = annotation.Scene(images=5)
        self.people = self._make_people()
        self.ids: dict[str, Any] = {}
        self._make_floor()
        self._make_generation()
        self._make_annotation()
        self.ids["datasets/images"] = self.ids["gallery"]
        self.ids["batches/images"] = 0  # by its index
        self.sessions = {role: self._log_in(user) for role, user in self.people.items()}

    def _make_people(self) -> dict[str, User]:
        scene = self.scene
        people = {
            "clinician": make_clinician(),
            "scientist": make_scientist(),
            "reader": scene.reader,
            "reviewer": scene.reviewer,
            "manager": make_clinician(),
            "member": make_scientist(),
            "owner": scene.manager,
            "admin": make_admin(),
        }
        studies.add_member(actor=scene.manager, study=scene.study, user=people["manager"], role="manager")
        # The owner of the data set shall be that and nothing else.
        Membership.objects.filter(study=scene.study, user=scene.manager).delete()
        return people

    def _make_floor(self) -> None:
        owner = self.people["owner"]
        job = Job.objects.create(kind="demo_job", requested_by=owner)
        somebody = make_clinician()
        token, _ = make_token(owner)
        self.ids |= {"users": somebody.pk, "people": somebody.pk, "tokens": token.pk, "jobs": job.pk}

    def _make_generation(self) -> None:
        scene, owner = self.scene, self.people["owner"]
        membership = DatasetMember.objects.create(
            dataset=scene.dataset, user=self.people["member"], role=DatasetRole.MEMBER
        )
        # `view_real` is a grant of its own, for owners too.
        DatasetMember.objects.update_or_create(
            dataset=scene.dataset, user=owner, defaults={"view_real": True}
        )
        ingest = Ingest.objects.get(dataset=scene.dataset)
        group = scene.dataset.groups.order_by("pk")[0]
        training = Training.objects.create(
            dataset=scene.dataset,
            requested_by=owner,
            config={},
            seed=1,
            code_version="1",
            manifest_digest="a" * 64,
        )
        grid = store_bytes(annotation.png(77, size=32, mode="RGB"))
        TrainingSample.objects.create(training=training, step=1, digest=grid.digest)
        batch = scene.batch
        image_set = image_sets.make_batch_set(actor=owner, batch=batch)
        self.ids |= {
            "datasets": scene.dataset.pk,
            "datasets/members": membership.pk,
            "ingests": ingest.pk,
            "rejections": make_rejection(scene.dataset).pk,
            "uploads": Upload.objects.create(dataset=scene.dataset, requested_by=owner, sizes=[0]).pk,
            "files": 0,
            "gallery": make_source_image(ingest=ingest, group=group).pk,
            "trainings": training.pk,
            "samples": 1,
            "generators": make_generator(dataset=scene.dataset).pk,
            "batches": batch.pk,
            "images": SyntheticImage.objects.filter(batch=batch).order_by("index")[0].pk,
            "image-sets": image_set.pk,
            "evaluations": annotation.make_evaluation(image_set, owner).pk,
            "gate-policies": GatePolicy.objects.order_by("created_at")[0].pk,
        }

    def _make_annotation(self) -> None:
        scene, manager = self.scene, self.people["manager"]
        first = scene.submit(scene.claim()[0], annotation.GLAND)
        review = scene.accept(first)
        waiting = scene.submit(scene.claim()[0])
        read = scene.claim()[0]
        late = Annotation.objects.create(
            read=scene.claim(scene.second)[0],
            revision=9,
            author=scene.reader,
            is_late=True,
            draft=annotation.LABELLED,
        )
        snapshot = snapshots.create_snapshot(actor=manager, study=scene.study, name="First")
        annotation.make_evaluation(snapshot.image_set, manager)
        archive = store_bytes(b"PK a finished archive")
        export = Export.objects.create(
            snapshot=snapshot,
            requested_by=manager,
            format="coco",
            state="succeeded",
            digest=archive.digest,
            size=archive.size,
            completed_at=timezone.now(),
        )
        self.waiting, self.read = waiting, read
        self.ids |= {
            "label-schemas": scene.study.schema_id,
            "studies": scene.study.pk,
            "studies/members": Membership.objects.get(study=scene.study, user=scene.second).pk,
            "studies/exemplars": self._exemplar(scene).pk,
            "late-answers": late.pk,
            "items": first.read.item_id,
            "reads": read.pk,
            "reviews": review.pk,
            "snapshots": snapshot.pk,
            "snapshots/holds": self._hold(snapshot).pk,
            "exports": export.pk,
        }

    def _exemplar(self, scene: annotation.Scene) -> StudyExemplar:
        shown, self.showable = annotation.make_batch(scene.dataset, 2).images.order_by("index")
        return StudyExemplar.objects.create(
            study=scene.study,
            image=shown,
            label_class=scene.study.schema.classes.get(key="gland"),
            caption="What is meant",
            chosen_by=scene.manager,
        )

    def _hold(self, snapshot: Snapshot) -> SnapshotHold:
        """What a withdrawal left; allowed, so that archives are handed out."""
        manager = self.people["manager"]
        withdrawal = Withdrawal.objects.create(
            dataset=self.scene.dataset, requested_by=manager, reason="for a test"
        )
        return SnapshotHold.objects.create(
            snapshot=snapshot,
            withdrawal=withdrawal,
            member_count=1,
            decision=HoldDecision.ALLOW,
            decided_by=manager,
            decided_at=timezone.now(),
            reason="for a test",
        )

    @staticmethod
    def _log_in(user: User) -> str:
        client = APIClient()
        client.force_login(user)
        return str(client.cookies[settings.SESSION_COOKIE_NAME].value)

    # --- asking ---------------------------------------------------------------------------------

    def fill(self, route: str) -> str:
        """The URL of a route (`api/v1/jobs/<uuid:pk>`) for this world's rows."""
        words: list[str] = []
        literals: list[str] = []
        for word in route.split("/"):
            if word.startswith("<"):
                words.append(str(self._value(word.strip("<>"), literals)))
            else:
                words.append(word)
                literals.append(word)
        return "/" + "/".join(words)

    def _value(self, parameter: str, literals: list[str]) -> Any:
        converter = parameter.partition(":")[0]
        if converter == "path":
            return "no-such-page"
        if converter == "person_action":
            return "reset"
        keys = ["/".join(literals[-2:]), literals[-1]]
        for key in keys:
            if key in self.ids:
                return self.ids[key]
        raise LookupError(f"tests/api/world.py has no row for <{parameter}> after {'/'.join(literals)}")

    def body(self, route: str, method: str) -> dict[str, Any]:
        """A body that is acceptable where the person is, so that the answer is about the person."""
        bodies = OF_BATCH_IMAGES | self._bodies() | self._of_snapshots() | self._of_exemplars()
        return bodies.get(f"{method} {route.removeprefix('api/v1/')}", {})

    def _bodies(self) -> dict[str, dict[str, Any]]:
        ids, somebody, seed = self.ids, str(self.people["clinician"].pk), 5
        return {
            "POST users/invite": {"username": "new-person", "role": "clinician"},
            "POST users/<uuid:pk>/role": {"role": "scientist"},
            "POST tokens": {"name": "script"},
            "PATCH me": {"display_name": "New"},
            "POST datasets": {"name": "another data set"},
            "PATCH datasets/<uuid:pk>": {"description": "better"},
            "POST datasets/<uuid:pk>/members": {"user": str(self.people["scientist"].pk)},
            "POST datasets/<uuid:pk>/withdrawals": {"images": [str(ids["gallery"])], "reason": "for a test"},
            "POST datasets/<uuid:pk>/withdrawals/preview": {"images": [str(ids["gallery"])]},
            "POST datasets/<uuid:pk>/uploads": {"sizes": [1]},
            "POST datasets/<uuid:pk>/rejections/confirm": {"expected": 1},
            "POST trainings": {"dataset": str(ids["datasets"])},
            "POST trainings/estimate": {"dataset": str(ids["datasets"])},
            "POST generators/<uuid:pk>/sample": {"count": 1, "seed": seed},
            "POST generators/<uuid:pk>/approve": {"reason": "for a test"},
            "POST batches": {"generator": str(ids["generators"]), "count": 2, "seed": seed},
            "POST batches/<uuid:pk>/decision": {"decision": "withheld", "reason": "for a test"},
            "POST image-sets": {"batch": str(ids["batches"])},
            "POST evaluations": {"batch": str(ids["batches"])},
            "POST gate-policies": {"name": "strict", "thresholds": {}},
            "POST label-schemas": {
                "name": "another",
                "classes": [{"key": "gland", "title": "Gland"}],
                "discard_reasons": [{"key": "blurred", "title": "Blurred"}],
            },
            "POST studies": {"title": "Another", "schema": str(ids["label-schemas"])},
            "PATCH studies/<uuid:pk>": {"title": "Renamed"},
            "POST studies/<uuid:pk>/members": {"user": somebody, "role": "reader"},
            "POST studies/<uuid:pk>/fill": {"batches": [str(ids["batches"])]},
            "POST studies/<uuid:pk>/assign": {"reads": [str(ids["reads"])]},
            "PUT reads/<uuid:pk>/draft": {"comment": "not done yet"},
            "POST reads/<uuid:pk>/submit": annotation.LABELLED,
            "POST reads/<uuid:pk>/skip": {"kind": "later"},
            "POST reads/leaving": {"entries": [self._said()]},
            "POST reviews": {"annotation": str(self.waiting.pk), "verdict": "accept"},
        }

    def _said(self) -> dict[str, Any]:
        body = annotation.LABELLED
        return {
            "read": str(self.ids["reads"]), "kind": "submit", "rev": self.read.rev, "key": "a key", "body": body,
        }  # fmt: skip

    def _of_exemplars(self) -> dict[str, dict[str, Any]]:
        wishes = {"image": str(self.showable.pk), "label_class": "gland", "caption": "What is meant"}
        return {"POST studies/<uuid:pk>/exemplars": wishes}

    def _of_snapshots(self) -> dict[str, dict[str, Any]]:
        ids = self.ids
        return {
            "POST snapshots": {"study": str(ids["studies"]), "name": "Second"},
            "POST snapshots/preview": {"study": str(ids["studies"])},
            "POST snapshots/<uuid:pk>/holds/<uuid:hold>/decision": {"decision": "allow", "reason": "x"},
            "POST snapshots/<uuid:pk>/sign": {"password": PASSWORD, "meaning": "approved"},
            "POST exports": {"snapshot": str(ids["snapshots"]), "format": "coco"},
        }

    def if_match(self, role: str, route: str) -> str:
        if route == "api/v1/me":
            return str(self._client(role).get("/api/v1/me").headers.get("ETag", ""))
        return f'"{self.read.rev}"' if "/reads/" in route else '"1"'

    def ask(self, role: str, method: str, route: str) -> int:
        """The status of one request; whatever it changed is undone."""
        client, url = self._client(role), self.fill(route)
        headers: dict[str, Any] = {} if method == "GET" else {"HTTP_IF_MATCH": self.if_match(role, route)}
        with transaction.atomic():
            if method == "GET":
                response = client.get(url)
            elif route.startswith("api/"):
                body = json.dumps(self.body(route, method))
                kind = "application/json"
                if method == "PUT" and "/uploads/" in route:
                    body, kind = "", "application/octet-stream"
                response = client.generic(method, url, body, content_type=kind, **headers)
            else:
                response = client.generic(method, url, "", content_type="application/x-www-form-urlencoded")
            if response.streaming:  # read to its end, so that the file is closed
                b"".join(getattr(response, "streaming_content", ()))
            transaction.set_rollback(True)
        return int(response.status_code)

    def _client(self, role: str) -> APIClient:
        """A client with the session that this role logged in with, whatever an earlier answer did to its cookies."""
        client = APIClient(raise_request_exception=False)
        if role in self.sessions:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[role]
        return client


def walk_routes() -> Iterator[str]:
    """Every route of the site as Django writes it, once."""

    def walk(patterns: list[Any], prefix: str) -> Iterator[str]:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            elif isinstance(pattern, URLPattern):
                yield route

    yield from dict.fromkeys(walk(get_resolver().url_patterns, ""))
