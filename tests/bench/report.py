"""What a run of the bench found: medians, goals, the Markdown tables, the plots, and the tables of a document."""
import os
import re
import shutil
import statistics
import subprocess

from rows import all_cases

# metric: heading, how it is written
UNITS = {
    "wall": ("s", "{:.3f}"), "wall_ms": ("ms", "{:.1f}"), "cpu_ms": ("CPU ms a fetch", "{:.3f}"),
    "cpu_us": ("CPU µs a fetch", "{:.1f}"), "held": ("s till all wait", "{:.3f}"),
    "pss_kb": ("PSS KB a worker", "{:.0f}"), "parent_kb": ("parent KB", "{:.0f}"),
    "fetches_s": ("fetches/s", "{:.0f}"), "mb_s": ("MB/s", "{:.0f}"), "cpu_s_gb": ("CPU s a GB", "{:.3f}"),
}


def median(samples, metric):
    values = [s[metric] for s in samples if s.get(metric) is not None]
    return statistics.median(values) if values else None


def cases_of(results):
    """The cases that were measured, in the table's order, with their results."""
    return [(case, results["cases"][case.key]) for case in all_cases() if case.key in results["cases"]]


def times(samples, first, metric):
    """A metric as a multiple of pfetch's; seconds by the fetch, since slow clients get shorter lists."""
    value, base = median(samples, metric), median(first, metric)
    if value is None or not base:
        return "–"
    ratio = value / base
    if metric in ("wall", "wall_ms"):
        ratio *= first[0]["fetches"] / samples[0]["fetches"]
    return f"{ratio:.2f}"


def foreign(samples):
    """How much CPU programs other than client and server took meanwhile, in CPUs: a quiet machine shows about 0."""
    shares = [s["foreign_s"] / s["wall"] for s in samples if "foreign_s" in s]
    return f"{statistics.median(shares):.2f}" if shares else "–"


def written(value, metric):
    return "–" if value is None else UNITS[metric][1].format(value)


def ideal_of(found, case):
    count = max((s["fetches"] for samples in found["clients"].values() for s in samples), default=0)
    return count * case.delay / 1000 / case.workers


def goal_ratio(case, found, goal):
    """client's median over the reference's, or None where one of them was not measured."""
    mine = median(found["clients"].get(goal.client, []), goal.metric)
    if goal.reference == "ideal":
        other = ideal_of(found, case)
    else:
        other = median(found["clients"].get(goal.reference, []), goal.metric)
    return mine / other if mine is not None and other else None


def goals_told(case, found):
    for goal in case.goals:
        ratio = goal_ratio(case, found, goal)
        if ratio is None:
            continue
        yield {"goal": f"{goal.client}: {UNITS[goal.metric][0]} ≤ {goal.factor:.2f} × {goal.reference}",
               "stretch": goal.stretch, "ratio": ratio, "reached": ratio <= goal.factor}


def case_table(case, found):
    """One case as Markdown: a line a client, each metric beside its ratio to pfetch's."""
    heads = ["client"]
    for metric in case.shown:
        heads += [UNITS[metric][0], "× pfetch"]
    ideal = ideal_of(found, case) if case.delay else None
    if ideal:
        heads.append("× ideal")
    heads += ["spread of s", "fetches", "others' CPU"]
    lines = [f"### {case.title}", "", "| " + " | ".join(heads) + " |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    first = found["clients"].get("pfetch", [])
    for name, samples in found["clients"].items():
        if not samples:
            continue
        cells = [name]
        for metric in case.shown:
            cells += [written(median(samples, metric), metric), times(samples, first, metric)]
        if ideal:
            cells.append(f"{median(samples, 'wall') / ideal:.2f}")
        walls = [s["wall"] for s in samples]
        cells += [f"{min(walls):.3f}–{max(walls):.3f}", str(samples[0]["fetches"]), foreign(samples)]
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    for name, why in found.get("no_result", {}).items():
        lines.append(f"- no result from {name}: {why}")
    for told in goals_told(case, found):
        mark = "reached" if told["reached"] else "not reached"
        lines.append(f"- {'stretch: ' if told['stretch'] else ''}{told['goal']}: {told['ratio']:.2f}, {mark}")
    return "\n".join(lines).rstrip() + "\n"


def growth_rows(results, form):
    """(lines, CPU us a fetch less what a run of 8 lines costs, the parent's KB) for each length of the list."""
    base, rows = None, []
    for case, found in cases_of(results):
        samples = found["clients"].get("pfetch", [])
        if case.row != "growth" or case.form != form or not samples:
            continue
        cpu = statistics.median(s["user"] + s["sys"] for s in samples)
        count = samples[0]["fetches"]
        base = base if base is not None else cpu
        if count > 8:
            rows.append((count, (cpu - base) * 1e6 / (count - 8), median(samples, "parent_kb")))
    return rows


def growth_told(results):
    lines = []
    for form in ("none", "json"):
        rows = growth_rows(results, form)
        if not rows:
            continue
        lines += ["", f"`-f {form}`, less the start (a list of 8 lines):", "",
                  "| lines | CPU µs a fetch | parent's own memory, KB |", "|---:|---:|---:|"]
        lines += [f"| {n:,} | {cpu:.1f} | {written(kb, 'parent_kb')} |" for n, cpu, kb in rows]
    return "\n".join(lines) + "\n" if lines else ""


def growth_goals(results):
    """A long list costs a fetch no more than a short one, and the parent no memory."""
    for form in ("none", "json"):
        rows = growth_rows(results, form)
        if len(rows) < 2:
            continue
        (short, cheap, little), (long, dear, much) = rows[0], rows[-1]
        what = f"{long:,} lines against {short:,}, -f {form}"
        yield what, "CPU a fetch ≤ 1.05 ×", f"{dear / cheap:.2f}" if cheap > 0 else "–", dear <= 1.05 * cheap
        if little is not None and much is not None:
            yield what, "parent's memory ≤ 1024 KB more", f"{much - little:.0f}", much - little <= 1024


def markdown(results):
    machine = results["machine"]
    rounds = f"{results['rounds']} round{'s' if results['rounds'] != 1 else ''}"
    told = [rounds + (", quick (lists shorter than the titles say)" if results["quick"] else ""), results["when"],
            f"{machine['cpus']} × {machine['model']}", machine["kernel"],
            f"load {machine['load_before']:.1f} before, {machine['load_after']:.1f} after"]
    versions = "; ".join(v for v in results["versions"].values() if v)
    text = ["Measured: " + ", ".join(told) + ".", "", "Versions: " + versions + ".", ""]
    row = None
    for case, found in cases_of(results):
        if row == "growth" and case.row != row:
            text.append(growth_told(results))
        if case.row != row:
            row = case.row
            text += [f"## {row}", ""]
        text.append(case_table(case, found))
    if row == "growth":
        text.append(growth_told(results))
    if results["left_out"]:
        text.append("Left out: " + "; ".join(f"{n} ({why})" for n, why in results["left_out"].items()) + ".\n")
    return "\n".join(text)


# Plots

PLOT = """set terminal svg size 900,{height} dynamic font 'sans,12' background '#ffffff'
set output '{out}'
set title "{title}"
set style data histograms
set style fill solid 0.8 border -1
set boxwidth 0.8
set grid ytics
set yrange [0:*]
set ylabel "{unit}"
set xtics rotate by -30
set key off
plot '{data}' using 2:xtic(1) with boxes lc rgb '#4477aa', '' using 0:2:3 with labels offset 0,0.6
"""


def plot_case(case, found, folder):
    metric = "pss_kb" if case.kind == "memory" else "held" if case.kind == "held" else case.shown[0]
    if case.row in ("cold", "cold-system"):
        metric = "cpu_ms"
    rows = [(name, median(samples, metric)) for name, samples in found["clients"].items() if samples]
    rows = [(name, value) for name, value in rows if value is not None]
    if len(rows) < 2:
        return None
    data, out = os.path.join(folder, case.key + ".dat"), os.path.join(folder, case.key + ".svg")
    with open(data, "w", encoding="ascii") as file:
        for name, value in rows:
            file.write(f'"{name}" {value} "{written(value, metric)}"\n')
    script = PLOT.format(height=420, out=out, title=case.title.replace('"', ""), unit=UNITS[metric][0], data=data)
    done = subprocess.run(["gnuplot"], input=script.encode(), capture_output=True, check=False)
    os.unlink(data)
    return out if done.returncode == 0 else None


def plots(results, folder):
    """The names of the pictures made; None without gnuplot."""
    if not shutil.which("gnuplot"):
        return None
    made = [plot_case(case, found, folder) for case, found in cases_of(results)]
    return [os.path.basename(name) for name in made if name]


# The document

FIGURES = re.compile(r"(<!-- figures: ([a-z-]+) -->\n).*?(<!-- end of figures -->)", re.S)


def fill(text, results):
    """Replaces what stands between the document's marks: <!-- figures: ROW --> … <!-- end of figures -->."""

    def row_text(found):
        row = found[2]
        if row == "machine":
            body = markdown({**results, "cases": {}})
        elif row == "goals":
            body = goals_table(results)
        else:
            body = "\n".join(case_table(case, cells) for case, cells in cases_of(results) if case.row == row)
            body += growth_told(results) if row == "growth" else ""
        return found[1] + "\n" + (body.strip() or "Not measured in this run.") + "\n\n" + found[3]

    return FIGURES.sub(row_text, text)


def goals_table(results):
    lines = ["| work | to reach | measured | |", "|---|---|---:|---|"]
    for case, found in cases_of(results):
        for told in goals_told(case, found):
            stretch = " (stretch)" if told["stretch"] else ""
            lines.append(f"| {case.title} | {told['goal']}{stretch} | {told['ratio']:.2f} | "
                         f"{'reached' if told['reached'] else '**not reached**'} |")
    for work, goal, measured, reached in growth_goals(results):
        lines.append(f"| {work} | {goal} | {measured} | {'reached' if reached else '**not reached**'} |")
    return "\n".join(lines) + "\n"
