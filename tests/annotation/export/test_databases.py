"""The same rows give the same archive from every database."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from annotation.export.canonical import digest_file
from annotation.export.package import write_package
from annotation.export.rows import Release
from annotation.export.verify import verify_archive
from annotation.models import Snapshot
from annotation.services import releases, signing, snapshots
from evaluation.models import MetricResult
from synthlab.core.files import path_of
from tests.annotation import factories
from tests.annotation.factories import GLAND, Scene, make_evaluation
from tests.annotation.releases import png, signed_release
from tests.factories import PASSWORD
from tests.present import present

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

# SHA-256 of the archive: whatever runs this test, on whichever database, must come to it. It changes with the format.
GOLDEN = "ebb3802fb0ea7a9a797d942c459790aaaea23c9ffba8f9b3f63063b6755ad8f6"
POLYGON = {"kind": "polygon", "class": "gland", "geometry": {"points": [[1, 1.125], [9.5, 1], [5, 12.003]]}}
MARKED = {**GLAND, "regions": [*GLAND["regions"], POLYGON], "site": "colon"}
# Languages disagree about which of these comes first.
METRICS = [("fd", ""), ("FD", ""), ("fd_64", ""), ("fd64", ""), ("fd", "gland"), ("fd", "Gland"), ("f-d", "")]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Images, digests and people's pseudonyms that are the same in every run."""
    monkeypatch.setattr(factories, "_numbers", itertools.count(1))
    monkeypatch.setattr(factories, "png", lambda number, **_: png(number))
    scene = Scene(4)
    names = {person.pk: f"p-{n}" for n, person in enumerate((scene.manager, scene.reader, scene.reviewer))}
    for module in (releases, signing):
        monkeypatch.setattr(module, "pseudonym", lambda study, user_id: names[user_id])
    return scene


def signed(scene: Scene) -> Snapshot:
    while reads := scene.claim():
        image = present(present(reads[0].item).synthetic_image)
        scene.accept(scene.submit(reads[0], MARKED if image.index % 2 else GLAND))
    splits = {"seed": 3, "shares": {"train": 0.5, "test": 0.5}}
    snapshot = snapshots.create_snapshot(
        actor=scene.manager, study=scene.study, name="Zwei Drüsen", splits=splits
    )
    evaluation = make_evaluation(snapshot.image_set, scene.manager)
    numbers = {"value": 0.1 + 0.2, "floor": 1e-05, "n_real": 1, "n_synth": 1, "n_groups": 1, "status": "ok"}
    for name, class_key in METRICS:
        MetricResult.objects.create(
            evaluation=evaluation, name=name, extractor="e", class_key=class_key, **numbers
        )
    return signing.sign_snapshot(
        actor=scene.manager, snapshot=snapshot, password=PASSWORD, meaning="für Übungen"
    )


def without_what_was_drawn(release: Release) -> Release:
    """The release without ids and times, which every run draws anew; all else is as the database gave it."""
    told: dict[str, Any] = {**present(release.evaluation)["approved_set"]}
    return signed_release(
        release,
        snapshot_id="5f0c6a52-9d0a-4f0e-9f6e-0d1a1f6f0001",
        created_at="2025-01-02T03:04:05.000006+00:00",
        evaluation={"approved_set": {**told, "evaluation": "an id", "image_set_digest": "d" * 64}},
        provenance={**release.provenance, "dataset": "an id", "image_set_digest": "d" * 64},
        facts={**release.facts, "audit_head": "c" * 64, "audit_sequence": 9},
        source={**release.source, "name": "a name"},
    )


def test_every_database_gives_the_committed_archive(scene: Scene, tmp_path: Any) -> None:
    snapshot = Snapshot.objects.get(pk=signed(scene).pk)
    release = releases.release_of(snapshot, tmp_path / "members.jsonl")
    told = present(release.evaluation)["approved_set"]["metrics"]
    assert [row["name"] for row in told] == ["FD", "f-d", "fd", "fd", "fd", "fd64", "fd_64"]
    target = tmp_path / "export.zip"
    write_package(without_what_was_drawn(release), format="coco", image_path=path_of, target=target)
    assert verify_archive(target).signed
    assert digest_file(target) == GOLDEN
