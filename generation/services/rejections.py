"""What the cleaning refused: looked at, taken in after all, or kept out for good."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from generation.ingest.split import assign, default_shares
from generation.models import Dataset, Ingest, Rejection, RejectionDecision, SourceImage
from generation.services.access import may_view_real, require_owner
from generation.services.describing import describe_dataset
from generation.services.growth import lock_dataset, require_growable
from generation.services.images import serve_private
from generation.services.ingest_rows import groups_for
from synthlab.accounts.models import User
from synthlab.core.audit import dataset_chain, record_event
from synthlab.core.exceptions import Conflict, NotAllowed, NotFound
from synthlab.core.jobs import enqueue_job

_NOTHING_KEPT: dict[str, Any] = {
    "image_digest": "",
    "look_digest": "",
    "thumbnail_digest": "",
    "candidate": {},
}
OVERRULED = "overruled"


@transaction.atomic
def serve_rejected_image(
    request: HttpRequest, *, actor: User, rejection: Rejection, thumbnail: bool = False
) -> HttpResponseBase:
    """Serve what is kept of a refused picture to someone with `view_real`; each look is audited, none is cached.

    Raises:
        NotFound: Nothing of it is kept, or not any more.
    """
    full = rejection.look_digest or rejection.image_digest
    digest = rejection.thumbnail_digest if thumbnail else full
    if not digest:
        raise NotFound("nothing_kept", "No picture of this refusal is kept.")
    record_event(
        chain=dataset_chain(rejection.ingest.dataset),
        actor=actor,
        action="rejected_image.viewed",
        target=rejection,
        facts={"size": "thumbnail" if thumbnail else "full"},
    )
    return serve_private(request, digest)


@transaction.atomic
def overrule_rejection(*, actor: User, rejection: Rejection) -> SourceImage:
    """Take a refused picture into the data set after all.

    Its group keeps its side of the split; what looks like a picture of another group goes to that one's side.

    Args:
        actor: The owner; for a picture that may show text about a patient, one who may look at real images.
        rejection: One whose picture was kept.

    Raises:
        NotAllowed: The actor is not the owner, or may not look.
        Conflict: It was decided, nothing of it was kept, its pixels are or were in the data set, it would stand on
            two sides of the split or does not fit the other images; something was trained on the data set, or an
            upload to it is being read.
    """
    dataset = rejection.ingest.dataset
    require_owner(actor, dataset)
    if rejection.is_quarantined and not may_view_real(actor, dataset):
        raise NotAllowed(
            "view_real_needed",
            "Who takes this picture in has to look at it: it needs the right to see real images.",
        )
    dataset = lock_dataset(dataset)
    rejection = Rejection.objects.select_related("ingest").get(pk=rejection.pk)
    _require_waiting(rejection)
    require_growable(dataset)
    _require_new(dataset, rejection)
    _require_fit(dataset, rejection)
    split = _side_of(dataset, rejection)
    look = rejection.look_digest
    image = _create_image(dataset, rejection, split)
    _decide(actor, rejection, RejectionDecision.OVERRULED)
    describe_dataset(dataset)
    if look:
        _erase(actor, dataset, [look])
    record_event(
        chain=dataset_chain(dataset),
        actor=actor,
        action="rejection.overruled",
        target=rejection,
        facts={
            "code": rejection.code,
            "image": str(image.pk),
            "split": split,
            "manifest_digest": dataset.manifest_digest,
        },
    )
    return image


def _require_waiting(rejection: Rejection) -> None:
    if rejection.decision:
        raise Conflict(
            "rejection_decided", f"This was decided already: {rejection.get_decision_display().lower()}."
        )
    if not rejection.image_digest:
        raise Conflict(
            "not_overrulable",
            f"This refusal cannot be overruled, and its picture is not kept. {rejection.detail}",
        )


def _require_new(dataset: Dataset, rejection: Rejection) -> None:
    same = Q(digest=rejection.image_digest) | Q(pixel_digest=rejection.candidate["pixel_digest"])
    image = dataset.images.filter(same).order_by("withdrawn_at").first()
    if image is None:
        return
    if image.withdrawn_at is not None:
        raise Conflict("image_withdrawn", "The same pixels were withdrawn from this data set. They stay out.")
    raise Conflict("image_present", "The same pixels are in the data set by now. Keep this one out.")


def _require_fit(dataset: Dataset, rejection: Rejection) -> None:
    kept = rejection.candidate
    size = dataset.image_size
    if (dataset.channels or kept["channels"]) != kept["channels"] or (
        size is not None and (kept["width"], kept["height"]) != (size, size)
    ):
        raise Conflict(
            "image_does_not_fit",
            f"The picture has {kept['width']} × {kept['height']} pixels in {kept['channels']} channels, the data set's "
            "images have another form. Upload it again with options that bring it into that form.",
        )


def _side_of(dataset: Dataset, rejection: Rejection) -> str:
    """The only side of the split where the picture does no harm."""
    kept = rejection.candidate
    if kept["crowded"]:
        raise _unsafe("It looks like more than fifty other pictures.")
    alike = dataset.images.present().filter(digest__in=kept["resembles"])
    sides = set(alike.values_list("group__split", flat=True))
    group = dataset.groups.filter(key=kept["group_key"]).first()
    own = group.split if group else _given_split(rejection)
    if own:
        sides.add(own)
    if len(sides) > 1:
        raise _unsafe("It looks like pictures of another side than that of its own patient or slide.")
    return sides.pop() if sides else _drawn_split(dataset, rejection)


def _unsafe(why: str) -> Conflict:
    return Conflict(
        "split_unsafe",
        f"{why} Taken in, nearly the same picture would stand on both sides of the split, and every number measured on "
        "it would be too good. Keep it out.",
    )


def _given_split(rejection: Rejection) -> str:
    """What the picture's file or its place in a slide says, where the child would have heeded it, too."""
    kept, asked = rejection.candidate, rejection.ingest.options.get("split") or {}
    shares_asked = any(asked.get(name) is not None for name in ("train", "val", "held_out"))
    return "" if shares_asked and not kept["region"] else kept["split"] or ""


def _drawn_split(dataset: Dataset, rejection: Rejection) -> str:
    """The split of a new group, drawn as the ingest does, with all others where they are."""
    counts = dataset.images.present().values("group__key", "class_key").annotate(n=Count("pk"))
    contents: dict[str, Counter[str]] = {}
    for row in counts.order_by():
        contents.setdefault(row["group__key"], Counter())[row["class_key"]] = row["n"]
    key = rejection.candidate["group_key"]
    contents[key] = Counter({rejection.candidate["class"] or "": 1})
    plan = dataset.data_sheet.get("split") or {}
    shares = plan.get("shares") or default_shares(sum(count.total() for count in contents.values()))
    pinned = dict(dataset.groups.values_list("key", "split"))
    return assign(contents, shares, plan.get("seed", 0), pinned)[key]


def _create_image(dataset: Dataset, rejection: Rejection, split: str) -> SourceImage:
    kept = rejection.candidate
    key = kept["group_key"]
    return SourceImage.objects.create(
        dataset=dataset,
        group=groups_for(dataset, {key: split})[key],
        ingest=rejection.ingest,
        ordinal=rejection.ordinal,
        digest=rejection.image_digest,
        pixel_digest=kept["pixel_digest"],
        thumbnail_digest=rejection.thumbnail_digest,
        class_key=kept["class"] or "",
        flags=sorted({*kept["flags"], OVERRULED}),
        **{name: kept[name] for name in ("size", "width", "height", "channels", "bits", "source")},
    )


def _decide(actor: User, rejection: Rejection, decision: str) -> None:
    decided = {"decision": decision, "decided_by": actor, "decided_at": timezone.now(), **_NOTHING_KEPT}
    if Rejection.objects.filter(pk=rejection.pk, decision="").update(**decided) != 1:
        raise Conflict("rejection_decided", "Somebody else decided about this one meanwhile.")


def reasons_of(rows: QuerySet[Rejection]) -> dict[str, int]:
    """How many of some refusals have which reason, the most frequent first."""
    counts = rows.order_by().values_list("code").annotate(n=Count("pk"))
    return dict(sorted(counts, key=lambda pair: (-pair[1], pair[0])))


def undecided(dataset: Dataset, *, ingest: Ingest | None = None, code: str = "") -> QuerySet[Rejection]:
    """The refusals of a data set that nobody decided about and of which pictures are kept."""
    rows = Rejection.objects.filter(ingest__dataset=dataset, decision="")
    rows = rows.exclude(thumbnail_digest="", image_digest="", look_digest="")
    if ingest is not None:
        rows = rows.filter(ingest=ingest)
    return rows.filter(code=code) if code else rows


@transaction.atomic
def confirm_rejections(
    *,
    actor: User,
    dataset: Dataset,
    expected: int,
    rejection: Rejection | None = None,
    ingest: Ingest | None = None,
    code: str = "",
) -> int:
    """Keep refused pictures out for good, and delete what was kept of them.

    Args:
        actor: The owner.
        dataset: Theirs.
        expected: How many the person was told it would be.
        rejection: Only this one.
        ingest: Only those of this upload.
        code: Only those of this reason.

    Returns:
        How many were decided.

    Raises:
        NotAllowed: The actor is not the owner.
        Conflict: Another number of them waits by now; nothing was decided.
    """
    require_owner(actor, dataset)
    dataset = lock_dataset(dataset)
    rows = undecided(dataset, ingest=ingest, code=code)
    if rejection is not None:
        rows = rows.filter(pk=rejection.pk)
    found = list(rows.values_list("pk", "thumbnail_digest", "image_digest", "look_digest"))
    if len(found) != expected:
        raise Conflict(
            "rejections_changed",
            f"{len(found)} refused pictures wait here by now, not {expected}. Nothing was decided: look again.",
            count=len(found),
        )
    rows.update(
        decision=RejectionDecision.CONFIRMED, decided_by=actor, decided_at=timezone.now(), **_NOTHING_KEPT
    )
    _erase(actor, dataset, sorted({digest for _, *digests in found for digest in digests if digest}))
    record_event(
        chain=dataset_chain(dataset),
        actor=actor,
        action="rejections.confirmed",
        target=rejection or ingest or dataset,
        facts={"count": len(found), "code": code},
    )
    return len(found)


def _erase(actor: User, dataset: Dataset, digests: list[str]) -> None:
    """Have files removed that no row names any more: by a job, so that it is done even if this process dies now."""
    if digests:
        enqueue_job("erasure", actor=actor, subject=dataset, payload={"digests": digests})
