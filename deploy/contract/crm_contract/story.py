"""In which order are the examples told? One story over all services: what a later request names, an earlier one has made."""

from crm_contract.story_contacts import CONTACTS
from crm_contract.story_loyalty import LOYALTY
from crm_contract.story_reporting import REPORTING
from crm_contract.story_tickets import TICKETS

STORY = (*CONTACTS, *TICKETS, *LOYALTY, *REPORTING)
