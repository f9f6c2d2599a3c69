"""What does the tickets service's document say of it and its parts?"""

from crm_chassis.described import Described

DESCRIBED = Described(
    purpose="What customers ask and complain of, and whether they were answered in time.",
    tags={
        "tickets": "Opening, reading and listing tickets, with their clocks.",
        "messages": "What was said on a ticket.",
        "handling": "Whose a ticket is, how urgent, whom it waits for; resolving, closing, reopening, rating.",
        "joining": "Merging tickets about the same thing, splitting one about several, and linking those that belong together.",
        "recoveries": "What lay behind a complaint, and how it was made good.",
        "satisfaction": "Asking customers how content they were, by a link that needs no account.",
        "care": "Time worked, and asking customers later how it went.",
        "improving": "What customers and staff say could be better, and what came of it.",
        "promises": "Policies that say how soon customers are answered, and the hours in which time counts.",
        "procedures": "How tickets are handled by the book: procedures, and macros that do several things with one click.",
        "commands": "Many commands in one request.",
    },
    package="crm_tickets",
)
