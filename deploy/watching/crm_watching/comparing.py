"""Does a process serve what the code describes, no more and no less? Each difference is a sentence that says what to do."""

from crm_events.measuring import EVERY
from prometheus_client.parser import text_string_to_metric_families

from crm_watching.catalogue import described

_OWN = {"le", "quantile"}  # labels of the format itself


def differences(process: str, exposition: str) -> list[str]:
    """What `/metrics` of this process and the descriptions say differently."""
    served = {family.name + "_total" * (family.type == "counter"): family for family in text_string_to_metric_families(exposition)}
    known = described()
    wanted = {name for name, metric in known.items() if process in metric.by}
    unknown = [
        f"{process} serves {name}, which nobody describes: describe it in a module metrics.py, in a Section" for name in sorted(served.keys() - known.keys())
    ]
    foreign = [
        f"{process} serves {name}, whose section {known[name].section!r} names only {', '.join(known[name].by)}: add {process} to the section"
        for name in sorted(served.keys() & known.keys() - wanted)
    ]
    missing = [
        f"{process} does not serve {name}, though its section says so: make it with `.on(registry)` where it starts, or correct the section"
        for name in sorted(wanted - served.keys())
    ]
    odd = []
    for name in sorted(wanted & served.keys()):
        family, metric = served[name], known[name]
        labels = {label for sample in family.samples for label in sample.labels} - _OWN
        if family.type != kind(name):
            odd.append(f"{name} is a {family.type}, described as a {kind(name)}")
        if family.samples and labels != set(metric.labels):
            odd.append(f"{name} has the labels {sorted(labels)}, described with {sorted(metric.labels)}")
    nowhere = [f"{name} names a process that there is not: {who}" for name, metric in known.items() for who in metric.by if who not in EVERY]
    return unknown + foreign + missing + odd + nowhere


def kind(name: str) -> str:
    """counter, gauge or histogram."""
    return described()[name].kind.__name__.lower()
