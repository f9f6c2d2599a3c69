"""Small files in the shape of the real ones: a help desk's log with all fourteen activities, and purchases of CDNOW's kind. Made up, the same every time."""

import random
from datetime import datetime, timedelta
from pathlib import Path

HEADING = (
    "Case ID,Activity,Resource,Complete Timestamp,Variant,Variant index,Variant,seriousness,customer,product,responsible_section,seriousness_2,"
    "service_level,service_type,support_section,workgroup"
)
COURSES = (
    ("Assign seriousness", "Take in charge ticket", "Resolve ticket", "Closed"),
    ("Assign seriousness", "Take in charge ticket", "Wait", "Take in charge ticket", "Resolve ticket", "Closed"),
    ("Insert ticket", "Assign seriousness", "Wait", "Resolve ticket", "Resolve ticket", "Closed", "Closed"),
    ("Take in charge ticket", "Create SW anomaly", "Require upgrade", "Resolve SW anomaly", "Resolve ticket", "RESOLVED", "INVALID", "Closed", "VERIFIED"),
    ("Assign seriousness", "Take in charge ticket", "Resolve ticket", "Take in charge ticket", "Schedule intervention", "Resolve ticket", "Closed"),
    ("Assign seriousness", "Take in charge ticket", "VERIFIED", "DUPLICATE", "Resolve ticket", "Closed", "Take in charge ticket", "Resolve ticket"),
    ("Assign seriousness", "Wait"),
)


def row(case: int | str, activity: str, at: datetime, *, agent: int = 1, customer: int = 1, seriousness: int = 2, level: int = 2) -> str:
    """One row of the log."""
    told = f"{at:%Y/%m/%d %H:%M:%S}.000"
    about = f"Variant 1,1,Variant 1,Value 1,Value {customer},Value 3,Value 4,Value {seriousness},Value {level}"
    return f"Case {case},{activity},Value {agent},{told},{about},Value 1,Value 1,Value 1"


def log(cases: int) -> list[str]:
    """Rows of so many cases, heading first."""
    chance, rows = random.Random("log"), [HEADING]
    for case in range(1, cases + 1):
        at = datetime(2012, 1, 2, 8) + timedelta(minutes=chance.randrange(700_000))
        customer, seriousness, level = chance.randrange(1, 9), chance.randrange(1, 5), chance.randrange(1, 5)
        for place, activity in enumerate(COURSES[case % len(COURSES)]):
            twice = place and activity == COURSES[case % len(COURSES)][place - 1]
            at += timedelta(seconds=1 if twice else chance.randrange(60, 400_000))
            rows.append(row(case, activity, at, agent=chance.randrange(1, 6), customer=customer, seriousness=seriousness, level=level))
    return rows


def purchases(customers: int) -> list[str]:
    """Lines of so many customers, as CDNOW's file writes them."""
    chance, lines = random.Random("purchases"), []
    for customer in range(1, customers + 1):
        day = datetime(1997, 1, 1) + timedelta(days=chance.randrange(90))
        for _ in range(chance.choice((1, 1, 2, 3, 5))):
            quantity = chance.randrange(1, 5)
            cents = 0 if chance.random() < 0.1 else chance.randrange(500, 9000)
            lines.append(f" {customer:05d} {day:%Y%m%d} {quantity:2d} {cents / 100:7.2f}")
            day += timedelta(days=chance.choice((0, 20, 90, 200)))
    return [line for line in lines if line.split()[1] < "19980701"]


def written(file: Path, lines: list[str]) -> Path:
    """The file, with these lines."""
    file.write_text("\n".join(lines) + "\n")
    return file
