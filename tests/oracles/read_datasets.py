"""Hugging Face datasets: `read_datasets.py BUILDER FOLDER CACHE`; BUILDER is empty where the folder tells it itself."""

import hashlib
import json
import sys
from typing import Any

from datasets import load_dataset  # type: ignore[import-not-found]

builder, folder, cache = sys.argv[1:]
loaded = (
    load_dataset(folder, cache_dir=cache)
    if not builder
    else load_dataset(builder, data_dir=folder, cache_dir=cache)
)
found: dict[str, list[dict[str, Any]]] = {}
for split, rows in loaded.items():
    found[split] = []
    for row in rows:
        picture = row.pop("image", None) or row.pop("png")
        row = {**row.pop("json", {}), **row}
        pixels = hashlib.sha256(picture.tobytes()).hexdigest()
        found[split].append({**row, "pixels": pixels, "size": picture.size, "mode": picture.mode})
print(json.dumps(found))
