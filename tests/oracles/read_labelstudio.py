"""label-studio-sdk's converter: `read_labelstudio.py FOLDER OUT` turns tasks into COCO by its own code."""

import contextlib
import json
import sys
from pathlib import Path

from label_studio_sdk.converter import Converter  # type: ignore[import-not-found]

folder, out = map(Path, sys.argv[1:])
with contextlib.redirect_stdout(sys.stderr):
    converter = Converter(str(folder / "config.xml"), str(out), download_resources=False)
    converter.convert_to_coco(str(folder / "tasks.json"), str(out), is_dir=False)
print(json.dumps(json.loads((out / "result.json").read_text())))
