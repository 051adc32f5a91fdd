"""The generator that comes with SynthLab, trained on the demo's own training tiles."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from generation import pretrained
from generation.models import Dataset, Generator
from generation.services.generators import import_generator, read_header
from synthlab.accounts.models import User

FILE = Path(pretrained.__file__).parent / "ihc-64.safetensors"


def fits(dataset: str) -> bool:
    """Whether there is one, and it was trained on exactly this split: no validation tile may have been in its training."""
    return FILE.exists() and read_header(FILE)["dataset_manifest_digest"] == split_digest(dataset)


def split_digest(dataset: str) -> str:
    """SHA-256 over every tile's digest, group and side, as `python -m generation.pretrained` makes it."""
    rows = Dataset.objects.get(pk=dataset).images.values_list("digest", "group__key", "group__split")
    return hashlib.sha256(json.dumps(sorted(rows), separators=(",", ":")).encode()).hexdigest()


def load(*, owner: str, dataset: str) -> Generator:
    """Register it for a data set, as its owner would."""
    header = read_header(FILE)
    card = {
        "source": "comes with SynthLab; its card is generation/pretrained/ihc-64.md",
        **{
            name: header[name]
            for name in ("step", "seed", "code_version", "dataset_manifest_digest", "config")
        },
    }
    return import_generator(
        actor=User.objects.get(pk=owner),
        dataset=Dataset.objects.get(pk=dataset),
        path=FILE,
        name="Shipped demo generator (dcgan-s, 64 px)",
        card=card,
    )
