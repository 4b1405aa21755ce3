"""Evaluates each line as CPython does, and prints it as JSON in one form, or nothing where it is no such value."""

import ast
import json
import sys
import warnings

warnings.simplefilter("ignore")


def shown(value):
    """Returns the text that a value is compared by: objects sorted by key, floats as Python writes them."""
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(shown, value)) + "]"
    if isinstance(value, dict):
        # The keys that json.dumps takes, as it writes them.
        keys = {next(iter(json.loads(json.dumps({key: 0})))): key for key in value}
        return "{" + ",".join(json.dumps(name) + ":" + shown(value[keys[name]]) for name in sorted(keys)) + "}"
    return json.dumps(value, allow_nan=False)


for line in sys.stdin.buffer:
    try:
        print(shown(ast.literal_eval(line.decode("utf-8").rstrip("\n"))))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        print()
