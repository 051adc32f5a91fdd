"""A batch from here: wait for it, download it, learn from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from synthlab.client.awaited import Awaited
from synthlab.client.downloading import BatchDownload
from synthlab.client.problems import NotFinished
from synthlab.client.records import SUCCEEDED, BatchRecord, Generator, Json, SyntheticImage
from synthlab.client.torch_data import Form, SyntheticImages

if TYPE_CHECKING:
    from pathlib import PurePath

PAGE_SIZE = 200


class Batch(Awaited[BatchRecord]):
    """A batch of synthetic images on a server. `Client.request_batch` and `Client.batch` make these."""

    noun = "batch"
    label = "sampling"

    def __repr__(self) -> str:
        return f"<Batch {self.id}: {self.record.state}, {self.record.image_count} of {self.record.count}>"

    def refresh(self) -> Self:
        """Ask the server how it stands."""
        self.record = BatchRecord.from_json(self._rest.get(f"batches/{self.id}"))
        return self

    def _phase(self, job: Json) -> str:
        phase = job.get("phase") or ""
        return "" if phase in ("sampling", "shards") else str(phase or job["state"])

    def cancel(self) -> Self:
        """Stop after the images in work; those that are complete stay."""
        self.record = BatchRecord.from_json(self._rest.post(f"batches/{self.id}/cancel"))
        return self

    def images(self) -> Iterator[SyntheticImage]:
        """Every image with its recipe, in the order of their indexes."""
        rows = self._rest.pages(f"batches/{self.id}/images", page_size=PAGE_SIZE)
        return (SyntheticImage.from_json(row) for row in rows)

    def download(
        self,
        folder: str | PurePath,
        *,
        progress: bool | None = None,
        workers: int = 4,
        partial: bool = False,
    ) -> Path:
        """Fetch all images, and check each. What is there already, whole, is not fetched again.

        The folder then holds `images/000000.png` …, `images.jsonl` (an image a line: index, class, digest, recipe) and
        `batch.json`. `images.jsonl` comes last: where it stands, everything does.

        Args:
            folder: Made if it is not there. It may hold a download of this batch that broke off.
            progress: Whether to show a line on stderr; None: if that is a terminal.
            workers: Connections side by side.
            partial: Also take what stands of a batch that failed or was cancelled.

        Returns:
            The folder.

        Raises:
            NotFinished: The batch has not succeeded.
            WrongDigest: A file that came is not the one that was promised.
            BadAnswer: The server's list of images cannot be acted upon.
            FileExistsError: The folder holds another batch.
            Problem, httpx.TransportError: Refused, or out of reach. Call it again to go on.
        """
        self.refresh()
        at_work = self.state not in (SUCCEEDED, "failed", "cancelled")
        if at_work or (self.state != SUCCEEDED and not partial):
            todo = "wait() for it first" if at_work else "partial=True takes the images that stand"
            raise NotFinished(f"batch {self.id} is {self.state}; {todo}")
        target = Path(folder)
        download = BatchDownload(self._rest, self.id, target, workers=workers)
        count = self.record.image_count if partial else self.record.count
        download.run(self.images(), self._facts(), count, show=progress)
        return target

    def dataset(
        self,
        folder: str | PurePath,
        *,
        transform: Callable[[Any], Any] | None = None,
        form: Form | None = None,
        progress: bool | None = None,
    ) -> SyntheticImages:
        """The batch as a map-style data set for torch, downloaded to `folder` as far as it is not there.

        See `SyntheticImages`, which opens the folder again without a server, for `transform` and `form`, and
        `download` for what can go wrong.
        """
        return SyntheticImages(self.download(folder, progress=progress), transform=transform, form=form)

    def _facts(self) -> Json:
        generator = Generator.from_json(self._rest.get(f"generators/{self.record.generator}"))
        return {
            "id": self.id,
            "state": self.record.state,
            "server": self._rest.url,
            "generator": {"id": generator.id, "name": generator.name, "digest": generator.digest},
            "classes": generator.classes,
            "count": self.record.count,
            "seed": self.record.seed,
            "truncation": self.record.truncation,
            "class_mix": self.record.class_mix,
            "recipe": self.record.recipe,
        }
