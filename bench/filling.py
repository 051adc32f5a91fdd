"""Long queues, quickly: one image, one item and one read made by the product's own services, then copied by the database.

A study of 100,000 reads that the services filled row by row takes a minute; the same rows by `INSERT … SELECT` take
seconds, and what is measured afterwards meets the same rows either way.
"""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import F, Model, Window
from django.db.models.functions import Now, RowNumber
from django.utils import timezone

from annotation.models import Membership, Read, Study
from annotation.services import filling, studies
from annotation.services.schemas import create_label_schema
from evaluation.models import Decision, GateDecision
from generation.models import Batch, BatchState, Dataset, Generator, GeneratorState, SyntheticImage
from synthlab.accounts.models import Role, User

# Places in the shuffle: a walk that comes to every number below 2³¹ once, with neighbours far apart.
SHUFFLED = "(CAST(series.n AS bigint) * 1103515245 + 12345) %% 2147483648"


@dataclass(frozen=True)
class Picture:
    """A stored image: its digest, its bytes, the pixels of its side, and its key."""

    digest: str
    size: int
    side: int
    key: uuid.UUID = field(default_factory=uuid.uuid4)


def make_person(name: str, role: str) -> User:
    person: User = User.objects.create_user(username=name, password=None, role=role)
    return person


class Filler:
    """Studies of any number of open reads, all of one batch, all with the same readers."""

    def __init__(self, readers: Sequence[User], most: int) -> None:
        self._manager = make_person("manager", Role.SCIENTIST)
        self._readers = readers
        # Nobody looks at the pixels, so there are none.
        self._batch = released_batch(self._manager, [Picture(hashlib.sha256(b"first").hexdigest(), 1, 64)])
        self._schema = create_label_schema(
            actor=self._manager, name="bench", classes=[{"key": "gland", "title": "Gland", "box": "optional"}], sites=[],
            discard_reasons=[{"key": "artefact", "title": "Artefact"}],
        )  # fmt: skip
        digest = "md5('digest' || series.n) || md5('another' || series.n)"
        # In a batch of their own, or every fill would look through all of them for the one that it takes.
        rest = Batch.objects.get(pk=self._batch.pk)
        rest.pk = uuid.uuid4()
        rest.save(force_insert=True)
        copy_rows(
            self._batch.images.get(), most,
            id=key_of("image"), batch_id=f"'{rest.pk.hex}'", index="series.n + 1", digest=digest, pixel_digest=digest,
            seed="substr(md5('seed' || series.n), 1, 16)",
        )  # fmt: skip

    def open_study(self, images: int, *, reads: int = 1) -> Study:
        """A study of so many images, each to be read so many times, that hands out reads."""
        study = studies.create_study(
            actor=self._manager, title=f"{images} images", schema=self._schema, reads_per_item=reads
        )
        for reader in self._readers:
            studies.add_member(actor=self._manager, study=study, user=reader, role="reader")
        filling.fill_study(actor=self._manager, study=study, batches=[self._batch], limit=1)
        item = study.items.get()
        copy_rows(item, images - 1, id=key_of(f"item {study.pk}"), synthetic_image_id=key_of("image"))
        for read in item.reads.all():
            place = f"({SHUFFLED} + {read.ordinal} * 715827883) %% 2147483648"
            copy_rows(
                read, images - 1,
                id=key_of(f"read {read.ordinal} {study.pk}"), item_id=key_of(f"item {study.pk}"), shuffle=place,
            )  # fmt: skip
        studies.open_study(actor=self._manager, study=study)
        return study

    def settle(self) -> None:
        """What PostgreSQL does by itself within a minute of such a fill."""
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE")


def run_ahead(reader: User, study: Study, done: int) -> None:
    """The reader has answered the first `done` images that the queue gave them; others have yet to read them, too.

    At the head of the queue there is then much that is not for this person: the case in which a search from the start
    would walk through all of their own work.
    """
    first = Window(RowNumber(), partition_by=F("item"), order_by=("shuffle", "id"))
    given = study.reads.annotate(turn=first).filter(turn=1).order_by("shuffle", "id").values("pk")[:done]
    Read.objects.filter(pk__in=given).update(
        state="submitted", reader=reader, submitted_at=Now(), active_seconds=6, idle_seconds=1
    )
    last = Read.objects.filter(study=study, reader=reader).order_by("-shuffle").values("shuffle")[:1]
    Membership.objects.filter(study=study, user=reader).update(queue_shuffle=last)


def copy_rows(template: Model, count: int, **computed: str) -> None:
    """So many copies of a row. `computed` says in SQL, of the number `series.n` from 0, what differs in each."""
    model = type(template)
    columns = [str(field.column) for field in model._meta.concrete_fields]
    table = connection.ops.quote_name(model._meta.db_table)
    values = ", ".join(computed.get(name, f"template.{connection.ops.quote_name(name)}") for name in columns)
    names = ", ".join(map(connection.ops.quote_name, columns))
    statement = (
        f"INSERT INTO {table} ({names}) "
        "WITH RECURSIVE series(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM series WHERE n + 1 < %s) "
        f"SELECT {values} FROM series CROSS JOIN {table} AS template WHERE template.id = %s"
    )
    if count > 0:
        with connection.cursor() as cursor:
            cursor.execute(statement, [count, model._meta.pk.get_db_prep_value(template.pk, connection)])


def key_of(what: str) -> str:
    """A key that follows from the number, so that rows of several tables find one another."""
    key = f"md5('{what} ' || series.n)"
    return f"{key}::uuid" if connection.features.has_native_uuid_field else key


def key_at(what: str, number: int) -> uuid.UUID:
    """The key that `key_of` gives the copy of this number."""
    return uuid.UUID(hashlib.md5(f"{what} {number}".encode(), usedforsecurity=False).hexdigest())


def released_batch(owner: User, pictures: Sequence[Picture]) -> Batch:
    """A batch of these images that a person released."""
    batch = Batch.objects.create(
        generator=_approved_generator(owner), requested_by=owner, state=BatchState.SUCCEEDED, count=len(pictures), seed=0,
        completed_at=timezone.now(),
    )  # fmt: skip
    SyntheticImage.objects.bulk_create(
        SyntheticImage(
            pk=one.key, batch=batch, index=index, seed=one.digest[:16], digest=one.digest, pixel_digest=one.digest, size=one.size,
            width=one.side, height=one.side,
        )
        for index, one in enumerate(pictures)
    )  # fmt: skip
    GateDecision.objects.create(
        batch=batch, decision=Decision.RELEASED, decided_by=owner, reason="for a benchmark"
    )
    return batch


def _approved_generator(owner: User) -> Generator:
    dataset, _ = Dataset.objects.get_or_create(
        name="bench", defaults={"owner": owner, "manifest_digest": "0" * 64}
    )
    generator, _ = Generator.objects.get_or_create(
        digest="0" * 64,
        defaults={
            "dataset": dataset, "name": "bench", "size": 1, "architecture": "dcgan", "image_size": 64, "channels": 3,
            "latent_size": 8, "state": GeneratorState.APPROVED, "approved_by": owner, "approved_at": timezone.now(),
            "approval_reason": "for a benchmark",
        },
    )  # fmt: skip
    return generator
