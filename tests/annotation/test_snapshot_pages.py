"""Pages of snapshots: what is chosen, how it compares, who has signed."""

from __future__ import annotations

import pytest

from annotation.services import filling, signing, snapshots, studies
from evaluation.services.image_sets import make_batch_set
from tests.annotation.factories import GLAND, Scene, make_batch, make_evaluation
from tests.annotation.test_pages import page, text
from tests.factories import PASSWORD, make_clinician

pytestmark = pytest.mark.django_db


def test_the_choice_of_a_snapshot_is_checked_shown_and_told_afterwards():
    scene = Scene(3, approval_policy="as_read", sample_share=0.0)
    scene.answer_all(GLAND)

    def chosen(**query: str) -> str:
        return str(text(page(scene.manager, "snapshot-new", scene.study.pk, chosen="1", **query)))

    uneven = chosen(split="on", train="60", val="30", test="20")
    assert "The three shares add up to 100" in uneven
    assert "It takes" not in uneven
    assert "before the first one" in chosen(decided_from="2030-02-01", decided_until="2030-01-01")
    nothing = chosen(classes="stroma")
    assert "It takes 0 images" in nothing
    assert '<strong class="num">3</strong> accepted, but of other classes' in nothing
    assert "Nothing is left to freeze" in nothing
    snapshot = snapshots.create_snapshot(
        actor=scene.manager,
        study=scene.study,
        name="x",
        filters=ALL_FILTERS | {"generators": [str(scene.batch.generator_id)]},
    )
    words = text(page(scene.manager, "snapshot-page", snapshot.pk))
    for part in ("Gland", "generator", "one reader", "2 or more", "left out", "2020-01-01", "2040-01-01"):
        assert part in words


ALL_FILTERS = {
    "classes": ["gland"],
    "agreement": ["single"],
    "decided_from": "2020-01-01",
    "decided_until": "2040-01-01",
    "min_confidence": 2,
    "exclude_cleared": True,
}


def test_numbers_of_the_approved_set_stand_beside_those_of_each_batch():
    scene = Scene(2, approval_policy="as_read")
    other = make_batch(scene.dataset, 2)
    filling.fill_study(actor=scene.manager, study=scene.study, batches=[other])
    scene.answer_all(GLAND)
    snapshot = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="x")
    values = {"approved": 1.25, "first": 2.5, "other": 3.75}
    sets = {
        "approved": snapshot.image_set,
        "first": make_batch_set(actor=scene.manager, batch=scene.batch),
        "other": make_batch_set(actor=scene.manager, batch=other),
    }
    for name, image_set in sets.items():
        measured = make_evaluation(image_set, scene.manager)
        measured.metrics.create(
            name="kid",
            extractor=measured.extractor,
            value=values[name],
            n_real=9,
            n_synth=4,
            n_groups=3,
            status="ok",
        )
    words = " ".join(text(page(scene.manager, "snapshot-page", snapshot.pk)).split())
    row = words[words.index('<th scope="row">kid') :]
    assert row.index("1.2500") < row.index("2.5000") < row.index("3.7500")
    assert words.count("2 of 2 taken") == 2


def test_two_signers_see_who_has_signed_and_who_must():
    scene = Scene(1, approval_policy="as_read", signatures_needed=2)
    scene.answer_all(GLAND)
    snapshot = snapshots.create_snapshot(actor=scene.manager, study=scene.study, name="x")
    make_evaluation(snapshot.image_set, scene.manager)
    signing.sign_snapshot(actor=scene.manager, snapshot=snapshot, password=PASSWORD, meaning="approved")
    own = text(page(scene.manager, "snapshot-page", snapshot.pk))
    assert "There is none yet" in own
    assert "Your password" not in own
    second = make_clinician()
    studies.add_member(actor=scene.manager, study=scene.study, user=second, role="manager")
    assert f"Another manager of this study: {second}" in text(
        page(scene.manager, "snapshot-page", snapshot.pk)
    )
    assert "as the second person" in text(page(second, "snapshot-page", snapshot.pk))
