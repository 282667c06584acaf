"""How results are shown: on the terminal, as JSON, and in doc/performance.md."""

import datetime
import os
import pathlib
import re
import statistics
import subprocess

from rows import best_peer
from servers import KINDS

BEGIN, END = "<!-- numbers: begin -->", "<!-- numbers: end -->"
WORTH_SAYING = 0.01         # of the blocks
NAMES = [kind.name for kind in KINDS]


def machine(build):
    """What the numbers depend on; neither host names nor paths."""
    text = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", text, re.M)
    return {
        "cpu": model[1] if model else os.uname().machine,
        "cores": os.cpu_count(),
        "kernel": f"{os.uname().sysname} {os.uname().release}",
        "compiler": compiler(build),
        "date": datetime.date.today().isoformat(),
    }


def compiler(build):
    makefile = (build / "Makefile").read_text()
    command = re.search(r"^CC = (.*)$", makefile, re.M)[1].split()[0]
    flags = re.search(r"^CFLAGS = (.*)$", makefile, re.M)[1]
    version = subprocess.run([command, "--version"], stdout=subprocess.PIPE, text=True).stdout
    return f"{version.splitlines()[0]}, {flags}"


class Cell:
    """All values of one server in one row."""

    def __init__(self):
        self.values = []

    @property
    def numbers(self):
        return [value.number for value in self.values if value.number is not None]

    @property
    def median(self):
        return statistics.median(self.numbers) if self.numbers else None

    def text(self):
        if not self.values:
            return "–"
        last = self.values[-1]
        if self.median is None:
            return last.note + marks(self)
        return shown(self.median) + spread(self.numbers) + marks(self) + \
            "".join(f"; {note}" for note in self.notes())

    def notes(self):
        found = sorted({value.note for value in self.values if value.note})
        asked = max(value.asked_twice for value in self.values)
        twice = max(value.sent_twice for value in self.values)
        if asked:
            found.append(f"{asked} asked twice")
        if twice > WORTH_SAYING:
            found.append(f"{twice * 100:.0f} % of blocks sent twice")
        return found


def marks(cell):
    return "¹" if any(value.mark == "w" for value in cell.values) else ""


def shown(number):
    places = 0 if number >= 100 else 1 if number >= 10 else 2 if number >= 1 else 3
    return f"{number:.{places}f}"


def spread(numbers):
    """± half of the distance between least and most, where there are several."""
    if len(numbers) < 2 or not statistics.median(numbers):
        return ""
    half = (max(numbers) - min(numbers)) / 2 / statistics.median(numbers)
    return f" ±{half * 100:.0f} %"


# Goals.

def judge(row, cells):
    """[(the goal in words, what was reached, met)]."""
    values = {name: cells[name].median for name in cells}
    return [judge_one(row, goal, cells, values) for goal in row.goals]


def judge_one(row, goal, cells, values):
    ours, sign = values.get("ours"), "≥" if row.more_is_better else "≤"
    if goal.against == "asked":
        asked = max((value.asked_twice for value in cells["ours"].values), default=0)
        return "nobody asks twice", str(asked) if asked else "nobody", \
            not asked if ours is not None else None
    if not goal.against:
        met = ours is not None and ours <= goal.factor
        reached = "fails" if ours is None else shown(ours)
        words = f"{sign} {goal.factor:g} {row.unit}" + (f", {goal.when}" if goal.when else "")
        return words, reached, met
    name = "limit" if goal.against == "limit" else best_peer(values, row)
    words = f"{sign} {goal.factor:g} × " + ("the limit" if name == "limit" else
                                            f"the best peer ({name or 'none measured'})")
    if ours is None or name is None or values.get(name) is None:
        return words, "not measured", None
    ratio = ours / values[name]
    return words, f"{ratio:.2f} ×", ratio >= goal.factor if row.more_is_better else \
        ratio <= goal.factor


def verdict(met):
    return {True: "met", False: "not met", None: "unknown"}[met]


# Tables.

def markdown(heads, lines):
    out = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return out + ["| " + " | ".join(line) + " |" for line in lines]


def plain(heads, lines):
    widths = [max(len(line[i]) for line in [list(heads), *lines]) for i in range(len(heads))]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip()
            for line in [list(heads), *lines]]


def speed_lines(rows, cells):
    return [[row.text, row.unit, *(cells[row.name][name].text() for name in NAMES)]
            for row in rows]


def goal_lines(rows, cells):
    return [[row.text, words, reached, verdict(met)] for row in rows
            for words, reached, met in judge(row, cells[row.name])]


SPEED_HEADS = ("work", "unit", *NAMES)
GOAL_HEADS = ("work", "goal for ours", "reached", "")


def sections(rows, cells, tables, render, is_trial=False):
    """(title, lines of text) of everything that was measured."""
    if rows:
        yield "Speed", render(SPEED_HEADS, speed_lines(rows, cells)) + \
            ["", "¹ does not know windowsize: measured without it."]
    if rows and not is_trial:
        yield "Goals", render(GOAL_HEADS, goal_lines(rows, cells))
    for table in tables:
        yield table.title, render(table.heads, table.lines)


def about(facts):
    return (f"{facts['cpu']}, {facts['cores']} cores, {facts['kernel']}; {facts['compiler']}. "
            f"{facts['date']}, {facts['rounds']} rounds; CPU time of the servers from "
            f"{facts['accounting']}.")


def print_all(rows, cells, tables, facts, remarks):
    print(about(facts))
    is_trial = facts["is_trial"]
    if is_trial:
        print("This was a trial of small sizes: its figures mean nothing.")
    for title, lines in sections(rows, cells, tables, plain, is_trial):
        print(f"\n{title}\n" + "\n".join(lines))
    for remark in remarks:
        print(remark)


def write_page(path, rows, cells, tables, facts, remarks):
    """Replace what stands between the two markers."""
    page = path.read_text()
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{path.name}: the two markers are missing")
    body = [about(facts), ""]
    for title, lines in sections(rows, cells, tables, markdown):
        body += [f"### {title}", "", *lines, ""]
    body += [f"{remark}\n" for remark in remarks]
    path.write_text(f"{head}{BEGIN}\n\n" + "\n".join(body) + f"\n{END}{tail}")


def as_json(rows, cells, tables, facts, remarks):
    return {
        "machine": facts,
        "remarks": remarks,
        "rows": {row.name: {
            "text": row.text, "unit": row.unit,
            "values": {name: [vars(value) for value in cells[row.name][name].values]
                       for name in NAMES},
            "goals": [{"goal": words, "reached": reached, "met": met}
                      for words, reached, met in judge(row, cells[row.name])],
        } for row in rows},
        "tables": [vars(table) for table in tables],
    }
