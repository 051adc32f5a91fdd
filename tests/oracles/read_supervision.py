"""supervision: `read_supervision.py FOLDER SPLIT [masks]` reads one split of a YOLO folder."""

import json
import sys
from pathlib import Path

import supervision as sv  # type: ignore[import-not-found]

folder, split = Path(sys.argv[1]), sys.argv[2]
dataset = sv.DetectionDataset.from_yolo(
    images_directory_path=str(folder / "images" / split),
    annotations_directory_path=str(folder / "labels" / split),
    data_yaml_path=str(folder / "data.yaml"),
    force_masks=len(sys.argv) > 3,
)
found = {}
for path, picture, shapes in dataset:
    areas = shapes.mask.sum(axis=(1, 2)).tolist() if shapes.mask is not None else []
    found[Path(path).stem] = {
        "boxes": shapes.xyxy.tolist(),
        "classes": [
            dataset.classes[number] for number in (shapes.class_id if shapes.class_id is not None else [])
        ],
        "areas": areas,
        "grey": picture[:, :, 0].tolist(),
    }
print(json.dumps({"classes": dataset.classes, "items": found}))
