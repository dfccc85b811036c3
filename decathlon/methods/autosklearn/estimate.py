"""auto-sklearn takes the seconds that its budget gives, and loads and scores after."""

import json
import sys

seconds = [task["budget"]["seconds"] + 60 for task in json.load(sys.stdin)]
print(json.dumps(seconds))
