#!/usr/bin/env python3
"""What the validator of the CycloneDX project says of a document: a list of problems."""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

if "--describe" in sys.argv:
    print(json.dumps({"ok": {}}))
else:
    request = json.loads(sys.stdin.readline())
    with open(request["path"], encoding="utf-8") as file:
        problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read())
    print(json.dumps({"ok": [] if problem is None else [str(problem)]}))
