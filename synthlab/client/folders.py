"""A folder that holds a batch: how it is laid out, read again without a server, and checked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from synthlab.client.fetching import digest_of
from synthlab.client.problems import BadAnswer, WrongDigest
from synthlab.client.records import SyntheticImage

FACTS, LIST, IMAGES = "batch.json", "images.jsonl", "images"
LARGEST_IMAGE = 64 * 1024 * 1024
MOST_IMAGES = 10_000_000

_DIGEST = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def name_of(index: int) -> str:
    """The only name that a file here ever gets: no word of a server becomes part of a path."""
    return f"{index:06d}.png"


def check_row(image: SyntheticImage, *, has_id: bool = True) -> SyntheticImage:
    """The same row, if it can be acted upon.

    Args:
        image: One image of a list.
        has_id: False where an empty id will do: no server knows the images of `synthlab sample`.

    Raises:
        BadAnswer: Its index, size, digest or id is none.
    """
    whole = all(type(number) is int for number in (image.index, image.size, image.width, image.height))
    if not whole or not 0 <= image.index < MOST_IMAGES or not 0 < image.size <= LARGEST_IMAGE:
        raise BadAnswer("the list of images holds an index or a size that no image has; nothing was written")
    texts = (image.id, image.digest, image.class_key)
    is_named = isinstance(image.id, str) and (_ID.fullmatch(image.id) or (not has_id and not image.id))
    if not all(isinstance(text, str) for text in texts) or not is_named:
        raise BadAnswer("the list of images holds an id that is none; nothing was written")
    if not _DIGEST.fullmatch(image.digest):
        raise BadAnswer("the list of images holds a digest that is none; nothing was written")
    return image


def is_there(path: Path, image: SyntheticImage) -> bool:
    """Whether the file stands, whole and unchanged."""
    try:
        return path.stat().st_size == image.size and digest_of(path) == image.digest
    except OSError:
        return False


class BatchFolder:
    """A folder as `Batch.download` or `synthlab sample` leaves it. Needs no server.

    Args:
        path: The folder.

    Raises:
        FileNotFoundError: There is no whole batch in it.
        ValueError: Its lists cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.facts: dict[str, Any] = json.loads((self.path / FACTS).read_text(encoding="utf-8"))
        with (self.path / LIST).open(encoding="utf-8") as file:
            self.images: tuple[SyntheticImage, ...] = tuple(
                check_row(SyntheticImage.from_json(json.loads(line)), has_id=False) for line in file
            )

    @property
    def classes(self) -> tuple[str, ...]:
        """The generator's classes in its order; none for a generator without classes."""
        return tuple(self.facts["classes"])

    @property
    def recipe(self) -> Mapping[str, Any]:
        """What all images have in common; each image's own `recipe` says the rest."""
        recipe: Mapping[str, Any] = self.facts["recipe"]
        return recipe

    def file_of(self, image: SyntheticImage) -> Path:
        """Where an image stands."""
        return self.path / IMAGES / name_of(image.index)

    def wrong(self) -> Iterator[SyntheticImage]:
        """The images whose file is missing or has changed."""
        return (image for image in self.images if not is_there(self.file_of(image), image))

    def verify(self) -> None:
        """Hash every file anew.

        Raises:
            WrongDigest: Some are missing or have changed; the words name the first.
        """
        wrong = list(self.wrong())
        if wrong:
            raise WrongDigest(
                f"{len(wrong)} of {len(self.images)} images are missing or have changed, "
                f"the first is {name_of(wrong[0].index)}; download again to mend it"
            )
