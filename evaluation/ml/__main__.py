"""``python -m evaluation.ml evaluate|extract SPEC.json``."""

from evaluation.ml.evaluate import evaluate, extract
from generation.child import child_main

if __name__ == "__main__":
    child_main({"evaluate": evaluate, "extract": extract})
