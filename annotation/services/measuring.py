"""The accepted images of a study as one set to be measured, and who reads what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse

from annotation.models import Study, StudyRole
from annotation.services.access import require_manager, roles_in
from annotation.services.choosing import Candidate, choose
from evaluation.models import Decision, Evaluation, GateDecision, ImageSet, ImageSetKind
from evaluation.services.evaluating import request_approved_evaluation
from evaluation.services.image_sets import make_approved_set
from evaluation.services.set_owners import SetOwner
from generation.models import Dataset, SyntheticImage
from generation.services.growth import lock_dataset
from synthlab.accounts.models import User
from synthlab.core.audit import record_event, study_chain
from synthlab.core.exceptions import InvalidInput

_CHUNK = 2000


@transaction.atomic
def evaluate_accepted(*, actor: User, study: Study) -> Evaluation:
    """Measure the images of a study that a snapshot taken now would hold; one counted look at the validation split.

    What is not cleared of being a copy, and what was put aside in a gallery, is in neither. A snapshot of the same images
    needs no measurement of its own.

    Raises:
        NotAllowed: The actor does not manage the study.
        InvalidInput: No image is accepted yet.
        Conflict: The data set has no validation split.
    """
    require_manager(actor, study)
    dataset = lock_accepted(study)
    taken = choose(study, {}).taken
    if not taken:
        raise nothing_accepted()
    image_set = freeze_images(actor=actor, study=study, dataset=dataset, taken=taken)
    evaluation = request_approved_evaluation(actor=actor, image_set=image_set)
    record_event(
        chain=study_chain(study),
        actor=actor,
        action="study.evaluated",
        target=study,
        facts={"evaluation": str(evaluation.pk), "image_set": image_set.digest, "images": len(taken)},
    )
    return evaluation


def lock_accepted(study: Study) -> Dataset:
    """Neither a withdrawal nor a decision about an image comes between what is chosen and what is frozen.

    Raises:
        InvalidInput: The study was never filled.
    """
    if study.dataset is None:
        raise nothing_accepted()
    dataset = lock_dataset(study.dataset)
    rows = study.items.for_snapshot().order_by("pk").select_for_update(no_key=True)
    list(rows.values_list("pk"))
    return dataset


def nothing_accepted() -> InvalidInput:
    """What is said to who would freeze nothing."""
    return InvalidInput(
        "no_accepted_images",
        "No image of this study is accepted yet, or none that these filters let through: there is nothing to freeze.",
    )


def freeze_images(*, actor: User, study: Study, dataset: Dataset, taken: Sequence[Candidate]) -> ImageSet:
    """The frozen list of these accepted images, kept as one of the study's."""
    images = _images([row.image for row in taken])
    image_set = make_approved_set(actor=actor, study_id=study.pk, dataset=dataset, images=images)
    study.image_sets.add(image_set)
    return image_set


def _images(keys: Sequence[UUID]) -> list[SyntheticImage]:
    found: dict[UUID, SyntheticImage] = {}
    for start in range(0, len(keys), _CHUNK):
        found |= SyntheticImage.objects.only("digest").in_bulk(keys[start : start + _CHUNK])
    return [found[key] for key in keys]


def evaluations_of(study: Study) -> QuerySet[Evaluation]:
    """The measurements of a study's accepted images, newest first."""
    sets = study.image_sets.filter(kind=ImageSetKind.APPROVED)
    return Evaluation.objects.filter(image_set__in=sets).select_related("image_set", "job")


def sets_of_managed(user: User) -> Q:
    """The condition on ImageSet that lets through what a study's managers read about.

    These are the accepted images of their studies, and every batch of the study's data set that was released once: their
    study is, or may be, filled from it. Managing a study gives no sight of real images.
    """
    managed = Study.objects.with_role(user, StudyRole.MANAGER).order_by()
    frozen = Study.image_sets.through.objects.filter(study__in=managed.values("pk"))
    datasets = managed.filter(dataset__isnull=False).values("dataset")
    released = GateDecision.objects.filter(
        decision=Decision.RELEASED, batch__generator__dataset__in=datasets
    ).order_by()
    return Q(pk__in=frozen.values("imageset")) | Q(batch__in=released.values("batch"))


def owner_of_set(user: User, image_set: ImageSet) -> SetOwner | None:
    """The study in which the images of a set were accepted, to its managers."""
    study = Study.objects.filter(image_sets=image_set).first()
    if study is None or StudyRole.MANAGER not in roles_in(user, study):
        return None
    return SetOwner(study.title, reverse("study-page", args=[study.pk]))
