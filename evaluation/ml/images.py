"""Reading image sets: strictly, in one canonical order, keeping only what the measurements need."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from evaluation.ml.groups import recode
from evaluation.ml.structure import luminance
from evaluation.ml.symmetry import canonical_digest, pixel_digest, symmetry_names
from generation.child import BadInput
from generation.pixels import OtherPixelsError, decode_stored, to_eight_bits

# Below this many images in a set not even an indicative number is given.
MIN_IMAGES = 4
# So many pictures of a set are kept in full, as luminance, for what is measured between pairs of them.
MAX_GREYS = 300
# Side of the reduced picture in which pixel distances are taken: averages noise away, keeps the layout.
THUMB_SIDE = 32


def set_words(name: str) -> str:
    """The set as messages name it: what is measured against are the validation images."""
    return "validation" if name == "reference" else name


@dataclass(frozen=True)
class ImageRef:
    """One image as the spec names it. Synthetic images carry their own id as group: each is independent."""

    id: str
    path: Path
    group: str
    class_key: str = ""
    digest: str = ""  # SHA-256 of the file; checked where given
    set_name: str = ""

    @property
    def words(self) -> str:
        """The image as messages name it: by id and set, never by its path."""
        return (
            f"image {self.id} of the {set_words(self.set_name)} set" if self.set_name else f"image {self.id}"
        )


@dataclass(frozen=True)
class Picture:
    """What is kept of one decoded image."""

    pixel_digest: str
    canonical_digest: str
    mode: str
    size: tuple[int, int]
    constant: bool
    thumb: npt.NDArray[np.uint8]  # (THUMB_SIDE, THUMB_SIDE, 3)


@dataclass(frozen=True)
class ImageSet:
    """A set in canonical order (pixel digest, then id), so that no number depends on the order of the spec.

    Shapes: `groups` (n,) integer codes; `thumbs` (n, t, t, 3) uint8; `greys` (k, h, w) float32 luminance of the rows
    `grey_rows` (k,), the first `MAX_GREYS`: by digest, which is as good as at random.
    """

    name: str
    refs: tuple[ImageRef, ...]
    pixel_digests: tuple[str, ...]
    canonical_digests: tuple[str, ...]
    groups: npt.NDArray[np.int64]
    thumbs: npt.NDArray[np.uint8]
    constant: npt.NDArray[np.bool_]
    mode: str
    size: tuple[int, int]  # (width, height)
    greys: npt.NDArray[np.float32]
    grey_rows: npt.NDArray[np.int64]

    @property
    def n_images(self) -> int:
        """Number of images."""
        return len(self.refs)

    @property
    def n_groups(self) -> int:
        """Number of groups: the number of independent units."""
        return int(self.groups.max()) + 1 if len(self.refs) else 0

    @property
    def labels(self) -> tuple[str, ...]:
        """Each image's group label."""
        return tuple(ref.group for ref in self.refs)

    @property
    def class_keys(self) -> tuple[str, ...]:
        """Each image's class, empty where none is named."""
        return tuple(ref.class_key for ref in self.refs)

    def only(self, rows: npt.NDArray[np.int64]) -> ImageSet:
        """The set of some of the images, `rows` ascending."""
        kept = np.isin(self.grey_rows, rows)
        return replace(
            self,
            refs=tuple(self.refs[at] for at in rows),
            pixel_digests=tuple(self.pixel_digests[at] for at in rows),
            canonical_digests=tuple(self.canonical_digests[at] for at in rows),
            groups=recode(self.groups[rows]),
            thumbs=self.thumbs[rows],
            constant=self.constant[rows],
            greys=self.greys[kept],
            grey_rows=np.searchsorted(rows, self.grey_rows[kept]),
        )


def parse_refs(
    rows: Sequence[Mapping[str, Any]], name: str, *, grouped: bool, least: int = MIN_IMAGES
) -> list[ImageRef]:
    """Check one list of the spec and make it typed.

    Args:
        rows: ``{"id", "path", "group"?, "class"?}`` each.
        name: the set's name, for messages.
        grouped: whether each image must name its group (real images must).
        least: fewer images are refused; a part of a larger set may be as small as it is.

    Raises:
        BadInput: empty or too small a set, a repeated id, a missing field or group.
    """
    if not rows:
        raise BadInput("empty_set", f"the {set_words(name)} set is empty: there is nothing to measure")
    if len(rows) < least:
        raise BadInput(
            "too_few_images",
            f"the {set_words(name)} set holds {len(rows)} image{'s' * (len(rows) != 1)}; no number can be given below {MIN_IMAGES}",
        )
    refs = [_parse_ref(row, name, grouped=grouped) for row in rows]
    if len({ref.id for ref in refs}) != len(refs):
        raise BadInput("repeated_id", f"an image stands twice in the {set_words(name)} set")
    return refs


def _parse_ref(row: Mapping[str, Any], name: str, *, grouped: bool) -> ImageRef:
    if not row.get("id") or not row.get("path"):
        raise BadInput("bad_spec", f"every image of the {set_words(name)} set needs id and path")
    identity = str(row["id"])
    group = row.get("group")
    if grouped and group in (None, ""):
        raise BadInput(
            "missing_group",
            f"image {identity} of the {set_words(name)} set names no group (patient, slide or block); independence cannot be judged",
        )
    return ImageRef(
        id=identity,
        path=Path(row["path"]),
        group=str(group) if grouped else identity,
        class_key=str(row.get("class") or ""),
        digest=str(row.get("digest") or ""),
        set_name=name,
    )


def decode(ref: ImageRef) -> tuple[npt.NDArray[np.uint8], str]:
    """Decode one stored picture, grey or RGB; 16 bit grey is scaled to 8 bit. Messages name its id, never its path.

    Returns:
        ``(h, w, 3)`` uint8, grey replicated, and its mode: ``grey`` or ``colour``.

    Raises:
        BadInput: missing, changed since it was listed, unreadable, or another kind of picture.
    """
    try:
        content = ref.path.read_bytes()
    except OSError as error:
        raise BadInput("missing_file", f"the file of {ref.words} cannot be read") from error
    if ref.digest and hashlib.sha256(content).hexdigest() != ref.digest:
        raise BadInput("image_changed", f"the file of {ref.words} is not the one that was stored")
    try:
        stored = decode_stored(content)
    except OtherPixelsError as error:
        raise BadInput(
            "image_mode",
            f"{ref.words} is stored as {error.mode}; only grey and RGB can be measured: convert the images first",
        ) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInput("unreadable_image", f"{ref.words} cannot be decoded") from error
    if stored.ndim == 2:
        return np.repeat(to_eight_bits(stored)[..., None], 3, axis=2), "grey"
    return stored, "colour"


def look_at(image: npt.NDArray[np.uint8], mode: str, symmetries: str) -> Picture:
    """Reduce one decoded ``(h, w, 3)`` image to what is kept of it."""
    height, width, _ = image.shape
    names = symmetry_names(symmetries, square=height == width)
    small = Image.fromarray(image).resize((THUMB_SIDE, THUMB_SIDE), Image.Resampling.BOX)
    return Picture(
        pixel_digest=pixel_digest(image),
        canonical_digest=canonical_digest(image, names),
        mode=mode,
        size=(width, height),
        constant=bool((image == image[0, 0]).all()),
        thumb=np.asarray(small, dtype=np.uint8),
    )


def _read_one(ref: ImageRef, *, symmetries: str) -> Picture:
    return look_at(*decode(ref), symmetries)


def read_set(
    refs: Sequence[ImageRef],
    name: str,
    *,
    symmetries: str = "dihedral",
    threads: int = 1,
) -> ImageSet:
    """Decode a whole set; the result does not depend on the order of `refs` or on `threads`.

    Raises:
        BadInput: unreadable or mixed pictures, all identical, all of one constant colour.
    """
    read = partial(_read_one, symmetries=symmetries)
    with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
        pictures = list(pool.map(read, refs))
    order = sorted(range(len(refs)), key=lambda at: (pictures[at].pixel_digest, refs[at].id))
    refs, pictures = [refs[at] for at in order], [pictures[at] for at in order]
    _refuse_mixed(pictures, name)
    _refuse_degenerate(pictures, name)
    _, groups = np.unique([ref.group for ref in refs], return_inverse=True)
    return ImageSet(
        name=name,
        refs=tuple(refs),
        pixel_digests=tuple(picture.pixel_digest for picture in pictures),
        canonical_digests=tuple(picture.canonical_digest for picture in pictures),
        groups=groups.astype(np.int64),
        thumbs=np.stack([picture.thumb for picture in pictures]),
        constant=np.array([picture.constant for picture in pictures]),
        mode=pictures[0].mode,
        size=pictures[0].size,
        greys=np.concatenate([luminance(decode(ref)[0][None]) for ref in refs[:MAX_GREYS]]),
        grey_rows=np.arange(min(len(refs), MAX_GREYS)),
    )


def _refuse_mixed(pictures: Sequence[Picture], name: str) -> None:
    sizes = sorted({picture.size for picture in pictures})
    if len(sizes) > 1:
        (w0, h0), (w1, h1) = sizes[0], sizes[-1]
        raise BadInput(
            "mixed_sizes",
            f"the {set_words(name)} set mixes sizes ({w0}×{h0} and {w1}×{h1}); bring them to one size",
        )
    if len({picture.mode for picture in pictures}) > 1:
        raise BadInput(
            "mixed_channels",
            f"the {set_words(name)} set mixes grey and RGB images; bring them to one of both",
        )


def _refuse_degenerate(pictures: Sequence[Picture], name: str) -> None:
    if all(picture.constant for picture in pictures):
        raise BadInput("constant_images", f"every image of the {set_words(name)} set is one flat colour")
    if len({picture.pixel_digest for picture in pictures}) == 1:
        raise BadInput(
            "identical_images", f"all {len(pictures)} images of the {set_words(name)} set are the same image"
        )


def refuse_mismatch(synthetic: ImageSet, *real: ImageSet) -> None:
    """Refuse to compare pictures of different size or kind.

    Raises:
        BadInput: mixed_sizes or mixed_channels.
    """
    for other in real:
        if other.size != synthetic.size:
            (ws, hs), (wr, hr) = synthetic.size, other.size
            raise BadInput(
                "mixed_sizes",
                f"synthetic images are {ws}×{hs}, those of the {set_words(other.name)} set {wr}×{hr}; bring them to one size",
            )
        if other.mode != synthetic.mode:
            raise BadInput(
                "mixed_channels",
                f"synthetic images are {synthetic.mode}, those of the {set_words(other.name)} set {other.mode}; "
                "only like can be compared",
            )


def decoded_batches(refs: Sequence[ImageRef], size: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Decode again, batch by batch: ``(<= size, h, w, 3)`` uint8."""
    for start in range(0, len(refs), size):
        yield np.stack([decode(ref)[0] for ref in refs[start : start + size]])
