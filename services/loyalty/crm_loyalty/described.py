"""What does the loyalty service's document say of it and its parts?"""

from crm_chassis.described import Described

DESCRIBED = Described(
    purpose="What customers bought, and the points they earned and spent.",
    tags={
        "programmes": "What a programme gives for a purchase, how long points live, and its tiers.",
        "members": "Accounts of customers, their points lot by lot, and corrections by hand.",
        "transactions": "Purchases and what they earned, and goods that came back.",
        "redemptions": "Points held, spent, and given back.",
        "entitlements": "What customers are entitled to beyond what everybody gets, by hand or by their tier.",
        "invoices": "What customers are asked to pay, what came in, and what is late or was given up.",
        "offers": "What is offered, to whom, and what they make of it, measured against a control group.",
        "rewards": "What customers get beyond the goods, what it costs us, and whether they used it.",
        "referrals": "Who brought whom, whether they came, bought and kept it, and the reward for it.",
        "prices": "Changes of price, announced before they take effect.",
        "commands": "Many commands in one request.",
    },
    package="crm_loyalty",
)
