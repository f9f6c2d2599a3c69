"""What does the reporting service's document say of it and its parts?"""

from crm_chassis.described import Described

DESCRIBED = Described(
    purpose="Everything known of a customer in one view, live and as it stood at any moment; figures with the facts behind them.",
    tags={
        "customers": "The unified view of a customer, the timeline, the live stream, and lists.",
        "events": "Every event there is, in order, for those without Kafka.",
        "kpis": "Figures over a period, and every fact they counted.",
        "inputs": "What things cost and what is aimed at.",
        "operations": "For operators: what is late, stuck, lost or slow, and what to do about it.",
        "webhooks": "Events sent to your own address, signed, for those who have no Kafka.",
        "commands": "Many commands in one request.",
    },
    package="crm_reporting",
)
