"""A study that is open to be read, with its people and its images."""

from __future__ import annotations

from typing import Any

from annotation.models import Annotation, Study
from annotation.services import filling, queue, reading, studies
from annotation.services.schemas import create_label_schema
from evaluation.models import Decision, GateDecision
from synthlab.demo.study import GUIDELINE, SCHEMA
from tests.e2e.browsing import Visitor, Workbench
from tests.factories import make_clinician, make_scientist
from tests.generation.factories import SIZE, make_batch, make_dataset, make_generator

IMAGE = SIZE
GLAND, STROMA, NORMAL = "dab_positive_gland", "stroma", "normal"
BOXED: dict[str, Any] = {
    "decision": "labelled",
    "classes": [GLAND],
    "confidence": 3,
    "regions": [{"kind": "box", "class": GLAND, "geometry": {"x": 4, "y": 6, "width": 12, "height": 9}}],
    "active_seconds": 6.5,
}


class OpenStudy:
    """The demo's questions about a few synthetic colour images; two readers, a reviewer, their manager."""

    def __init__(self, images: int = 8) -> None:
        self.manager = make_scientist(display_name="Study manager")
        self.reader = make_clinician(display_name="First reader")
        self.second = make_clinician(display_name="Second reader")
        self.reviewer = make_clinician(display_name="Second pair of eyes")
        dataset = make_dataset(owner=self.manager, per_split=4)
        batch = make_batch(generator=make_generator(dataset=dataset, state="approved"), count=images)
        GateDecision.objects.create(
            batch=batch, decision=Decision.RELEASED, decided_by=self.manager, reason="for a test"
        )
        self.study: Study = studies.create_study(
            actor=self.manager,
            title="Colon glands",
            schema=create_label_schema(actor=self.manager, **SCHEMA),
            dataset=dataset,
            guideline=GUIDELINE,
        )
        people = ((self.reader, "reader"), (self.second, "reader"), (self.reviewer, "reviewer"))
        for user, role in people:
            studies.add_member(actor=self.manager, study=self.study, user=user, role=role)
        filling.fill_study(actor=self.manager, study=self.study, batches=[batch])
        studies.open_study(actor=self.manager, study=self.study)

    @property
    def reading_path(self) -> str:
        return f"/studies/{self.study.pk}/read/"

    def sit_down(self, visitor: Visitor) -> Workbench:
        """The reader logs in there and has the first image on the table."""
        visitor.log_in(self.reader)
        visitor.open(self.reading_path)
        bench = Workbench(visitor)
        bench.wait_for_image()
        return bench

    def answers(self) -> list[Annotation]:
        """Final answers, first given first."""
        rows = Annotation.objects.filter(read__study=self.study, is_final=True)
        return list(rows.order_by("read__submitted_at").prefetch_related("regions__label_class"))

    def answer_next(self, answer: dict[str, Any] | None = None) -> Annotation:
        """The reader says what is on the next image, without a browser."""
        [read] = queue.claim_reads(reader=self.reader, study=self.study, count=1).reads
        reading.submit_answer(actor=self.reader, read=read, rev=read.rev, answer=answer or BOXED)
        return Annotation.objects.get(read=read, is_final=True)
