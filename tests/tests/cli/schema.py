"""Holds policy files against the schema: schema.py SCHEMA FILE... Prints the file and the key of each mistake."""

import json
import sys
import tomllib

import jsonschema

schema = json.load(open(sys.argv[1]))
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
for name in sys.argv[2:]:
    for error in validator.iter_errors(tomllib.load(open(name, "rb"))):
        print(name.rsplit("/", 1)[-1], "/".join(map(str, error.absolute_path)) or "-", error.validator)
