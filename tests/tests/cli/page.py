"""Compares the page that a browser shows with a report as JSON: page.py DOM.html REPORT.json."""

import html.parser
import json
import sys


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.figures, self.data, self.rows = {}, "", 0
        self.section, self.cell, self.is_data = None, (None, None), False

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "section":
            self.section = attributes["id"]
        self.rows += tag == "tr" and self.section == "events"
        self.cell = (attributes.get("data-scope"), attributes.get("data-figure"))
        self.is_data = tag == "script" and attributes.get("id") == "data"

    def handle_data(self, data):
        if self.is_data:
            self.data += data
        if self.cell[0] and data.strip():
            self.figures[self.cell] = int(data)


page = Page()
page.feed(open(sys.argv[1]).read())
report = json.load(open(sys.argv[2]))
counts = {
    (scope["scope"], name): scope[name]
    for scope in report["rules"][-1]["scopes"]
    for name in ("served", "exhausted", "refused", "peak")
}
assert page.figures == counts, (page.figures, counts)
data = json.loads(page.data)
# These are two runs.
for process in data["processes"] + report["processes"]:
    del process["pid"]
assert {name: data[name] for name in report} == report, data
events = data["events"]
outcomes = [event[-1] for event in events]
served = sum(scope["served"] for scope in report["rules"][-1]["scopes"])
if data["events_read"] == len(events) and not data["events_lost"]:
    assert len(events) - outcomes.count("exhausted") - outcomes.count("refused") == served, outcomes
print(f"{page.rows - 1} rows of {len(events)} events, {data['events_lost']} lost,",
      f"{len(data['moments'])} moments, {'some' if data['samples'] else 'no'} samples")
