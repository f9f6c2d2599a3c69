"""What does the contacts service's document say of it and its parts?"""

from crm_chassis.described import Described

DESCRIBED = Described(
    purpose="Who the customer is, how they may be reached, and what passed between us.",
    tags={
        "contacts": "People and organisations: registering, describing, their owner, notes, needs and preferences.",
        "identifiers": "What a contact is known by, in any spelling, and finding contacts by it or by name.",
        "consents": "What a contact allowed and refused, and whether we may write to them now.",
        "interactions": "What passed between us: calls, letters, visits.",
        "outreach": "Messages of ours to customers: sent only where consent allows it, and what came of them.",
        "surveys": "What customers are asked, where they allow it, and what they answer.",
        "selling": "Chances to sell, how they ended, and the work they took.",
        "relationships": "How contacts stand to each other: households, employers, dealers.",
        "merges": "Two contacts that are one customer, and taking that back.",
        "privacy": "Customers who ask to be forgotten, and single events that should not have been written.",
        "commands": "Many commands in one request.",
    },
    package="crm_contacts",
)
