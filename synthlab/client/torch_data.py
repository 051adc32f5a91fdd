"""A downloaded batch as a map-style data set for torch. Torch and Pillow are imported when an image is asked for."""

from __future__ import annotations

import io
import operator
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex

from synthlab.client.folders import BatchFolder

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor
    from torch.utils.data import Dataset

    _Base = Dataset[tuple[Any, int]]
else:
    # torch asks a map-style data set for __len__ and __getitem__ and for nothing else.
    _Base = object

Form = Literal["tensor", "image", "bytes"]
NO_CLASS = -1


class SyntheticImages(_Base):
    """Pairs of an image and its class, for `torch.utils.data.DataLoader`, `random_split`, `ConcatDataset` …

    Args:
        folder: As `Batch.download` left it.
        transform: Given each image in its form; what it returns takes its place.
        form: `tensor` (float32 from 0 to 1, shape (c, h, w)), `image` (Pillow's) or `bytes` (the PNG file). A Pillow
            image where there is a transform, as torchvision's want it, else a tensor.

    Attributes:
        classes: Class names; the number of an image's class is a place in them.
        class_to_idx: Class name → number.
        targets: The class number of each image, −1 where the generator has no classes.
        recipe: What all images have in common: generator, truncation, precision, encoder.
    """

    def __init__(
        self,
        folder: str | Path | BatchFolder,
        *,
        transform: Callable[[Any], Any] | None = None,
        form: Form | None = None,
    ) -> None:
        self.folder = folder if isinstance(folder, BatchFolder) else BatchFolder(folder)
        self.transform = transform
        self.form: Form = form or ("image" if transform else "tensor")
        self.classes = self.folder.classes
        self.class_to_idx = {name: place for place, name in enumerate(self.classes)}
        self.targets = [self.class_to_idx.get(image.class_key, NO_CLASS) for image in self.folder.images]
        self.recipe = self.folder.recipe

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: SupportsIndex) -> tuple[Any, int]:
        place = operator.index(index)
        item = _READERS[self.form](self.folder.file_of(self.folder.images[place]).read_bytes())
        return (self.transform(item) if self.transform else item), self.targets[place]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} in {self.folder.path}>"

    def recipe_of(self, index: SupportsIndex) -> Mapping[str, Any]:
        """All that is needed to make one image again."""
        return self.folder.images[operator.index(index)].recipe


def _image(content: bytes) -> Image:
    from PIL import Image

    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        image.load()
        return image.copy()


def _tensor(content: bytes) -> Tensor:
    """Float32 from 0 to 1, (c, h, w): one channel for grey, three for colour."""
    import torch

    image = _image(content)
    if image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    flat = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    pixels = flat.reshape(image.height, image.width, -1)  # (h, w, c)
    return pixels.permute(2, 0, 1).contiguous().to(torch.float32) / 255


def _bytes(content: bytes) -> bytes:
    return content


_READERS: Mapping[Form, Callable[[bytes], Any]] = {"tensor": _tensor, "image": _image, "bytes": _bytes}
