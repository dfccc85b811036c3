"""Where a step's time goes, by oneDNN's own log: a table of its primitives.

`ONEDNN_VERBOSE=1 python -m benchmarks.ours step FOLDER | python -m benchmarks.onednn`
"""

import collections
import fileinput


def main() -> None:
    calls, milliseconds = collections.Counter(), collections.Counter()
    for line in fileinput.input():
        fields = line.strip().split(",")
        if fields[0] != "onednn_verbose" or "exec" not in fields:
            continue
        _, kind, implementation, direction = fields[fields.index("exec") + 1 :][:4]
        key = kind, direction, implementation
        calls[key] += 1
        milliseconds[key] += float(fields[-1])
    total = sum(milliseconds.values())
    for key, spent in milliseconds.most_common(12):
        print(f"{spent / total:6.1%} {calls[key]:6,} calls  {'  '.join(key)}")


if __name__ == "__main__":
    main()
