"""What does a scenario do where the machine lacks what it needs?"""


class Missing(Exception):
    """This machine has no … (the message): the scenario is skipped and counted as that, never as passed."""
