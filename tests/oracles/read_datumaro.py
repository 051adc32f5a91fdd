"""datumaro: `read_datumaro.py FORMAT FOLDER`."""

import hashlib
import json
import sys

from datumaro import Dataset  # type: ignore[import-not-found]

form, folder = sys.argv[1:]
dataset = Dataset.import_from(folder, form)
names = [label.name for label in next(iter(dataset.categories().values())).items]
found = {}
for item in dataset:
    shapes, classes = [], []
    for one in item.annotations:
        if type(one).__name__ == "Label":
            classes.append(names[one.label])
        else:
            shapes.append([type(one).__name__, names[one.label], list(map(float, one.points))])
    pixels = hashlib.sha256(item.media.data.astype("uint8").tobytes()).hexdigest()
    found[item.id] = {"subset": item.subset, "classes": classes, "shapes": shapes, "pixels": pixels}
print(json.dumps({"classes": names, "items": found}))
