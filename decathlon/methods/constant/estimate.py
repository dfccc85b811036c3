"""Reading the images takes longer than the class frequencies."""

import json
import sys

tasks = json.load(sys.stdin)
print(json.dumps([1 + sum(task["images"].values()) / 100_000 for task in tasks]))
