"""Which values identify nobody? Compared after folding, without punctuation."""

import re

# fmt: off
_VALUES = frozenset({
    "null", "none", "nil", "nan", "na", "undefined", "unknown", "anonymous", "anonym", "guest", "user", "customer", "test", "tests", "tester", "testing",
    "example", "sample", "dummy", "fake", "asdf", "qwerty", "xxx", "ناشناس", "نامشخص", "ندارد", "تست", "آزمایشی", "بدون",
})
_ROLES = frozenset({
    "abuse", "accounting", "admin", "administrator", "billing", "career", "careers", "contact", "customerservice", "donotreply", "enquiries", "feedback",
    "hello", "help", "helpdesk", "hostmaster", "hr", "info", "inquiries", "invoice", "invoices", "it", "jobs", "mail", "mailerdaemon", "marketing", "media",
    "news", "newsletter", "noreply", "notifications", "office", "orders", "postmaster", "press", "privacy", "root", "sales", "security", "service", "shop",
    "spam", "support", "team", "webmaster",
})
# fmt: on


def identifies_nobody(folded: str) -> bool:
    """Zeros, nothing but punctuation, -1, or a word such as null, anonymous, test."""
    signs = _bare(folded)
    return signs in _VALUES or folded == "-1" or set(signs) <= {"0"}


def role_mailbox(local: str) -> bool:
    """Whether an e-mail's local part, folded, is a role's (info, support) or nobody's; what follows a + does not count."""
    name = _bare(local.partition("+")[0])
    return name in _ROLES or identifies_nobody(name)


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)
