"""The child of `synthlab weights import` with another pin than the published one, which a test left in a file."""

import json
import os
from pathlib import Path

from evaluation.ml import weights
from evaluation.ml.inception_import import import_weights
from generation.child import child_main

if __name__ == "__main__":
    weights.INCEPTION_PIN = weights.Pin(**json.loads(Path(os.environ["SYNTHLAB_TEST_PIN"]).read_text()))
    child_main({"import-weights": import_weights})
